import { brandErrorClass, DurableError } from '@dudousxd/nestjs-durable-core';

/** Another connection held the database's write lock for longer than the store waits. Nothing was written. HTTP 503. */
export class StoreBusyError extends DurableError<{ readonly waitedMs: number }> {
  static {
    brandErrorClass(this, 'StoreBusyError');
  }

  constructor({ waitedMs, cause }: { readonly waitedMs: number; readonly cause: unknown }) {
    super(
      `The database was locked for ${waitedMs} ms: another connection holds a write transaction open. ` +
        'Commit or roll it back sooner; do not wait for anything inside a transaction.',
      { code: 'STORE_BUSY', fields: { waitedMs }, httpStatus: 503, cause },
    );
  }
}

/** The store has been closed: nothing was written. */
export class StoreClosedError extends DurableError<Record<string, never>> {
  static {
    brandErrorClass(this, 'StoreClosedError');
  }

  constructor() {
    super('The store is closed. Make a new one.', { code: 'STORE_CLOSED', fields: {} });
  }
}

/** The database has no schema of ours, or an older one than this release works with. */
export class SchemaMissingError extends DurableError<{
  readonly found: number;
  readonly needed: number;
}> {
  static {
    brandErrorClass(this, 'SchemaMissingError');
  }

  constructor({ found, needed }: { readonly found: number; readonly needed: number }) {
    const state =
      found === 0 ? 'The durable schema is missing' : `The durable schema is version ${found}`;
    super(
      `${state}; this release needs version ${needed}. Call migrate() (autoSchema: true), or apply the text of schemaSql().`,
      { code: 'SCHEMA_MISSING', fields: { found, needed } },
    );
  }
}

/** A migration was asked to drop tables that hold runs which have not ended. Nothing was dropped. */
export class SchemaInUseError extends DurableError<{ readonly runs: number }> {
  static {
    brandErrorClass(this, 'SchemaInUseError');
  }

  constructor(runs: number) {
    const what = runs === 1 ? '1 run that has not ended' : `${runs} runs that have not ended`;
    super(
      `The durable tables hold ${what}. Reverting this migration would lose them: let them end, or delete them first.`,
      { code: 'SCHEMA_IN_USE', fields: { runs } },
    );
  }
}

/** What was handed over is no database handle that the store can work on. Raised where the store is made. */
export class UnsupportedHandleError extends DurableError<{ readonly received: string }> {
  static {
    brandErrorClass(this, 'UnsupportedHandleError');
  }

  /**
   * @param received what it is, in words
   * @param todo what to pass instead, as a sentence
   */
  constructor({ received, todo }: { readonly received: string; readonly todo: string }) {
    super(`The store cannot work on ${received}. ${todo}`, {
      code: 'UNSUPPORTED_HANDLE',
      fields: { received },
    });
  }
}
