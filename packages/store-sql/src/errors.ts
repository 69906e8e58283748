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
   * @param cause the error that showed it, if it was one
   */
  constructor({
    received,
    todo,
    cause,
  }: {
    readonly received: string;
    readonly todo: string;
    readonly cause?: unknown;
  }) {
    super(`The store cannot work on ${received}. ${todo}`, {
      code: 'UNSUPPORTED_HANDLE',
      fields: { received },
      cause,
    });
  }
}

/** What was handed over as a transaction is none, or none that is open. Nothing was written. HTTP 500. */
export class NotATransactionError extends DurableError<{ readonly received: string }> {
  static {
    brandErrorClass(this, 'NotATransactionError');
  }

  /**
   * @param received what it is, in words
   * @param todo what to pass instead, as a sentence
   */
  constructor({ received, todo, cause }: NotATransaction) {
    super(
      `"transaction" has to be an open transaction of the store's own ORM, not ${received}. ${todo}`,
      {
        code: 'NOT_A_TRANSACTION',
        fields: { received },
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }
}

/** What was handed over in place of a transaction. */
export interface NotATransaction {
  readonly received: string;
  readonly todo: string;
  readonly cause?: unknown;
}

/**
 * The body of a `ctx.transaction` ended without an error, but its transaction was no longer the one that it began with:
 * nothing was recorded, and what was still open was rolled back.
 */
export class TransactionBrokenError extends DurableError<{ readonly transaction: string }> {
  static {
    brandErrorClass(this, 'TransactionBrokenError');
  }

  constructor({ transaction, cause }: { readonly transaction: string; readonly cause: unknown }) {
    super(
      `The transaction of "${transaction}" could not be used any more when its function was done. Either a statement in it ` +
        'failed and the error was caught (the database then refuses, or has rolled back, the whole transaction), or the ' +
        'function ended the transaction itself (on MySQL and MariaDB also by a statement that commits, such as ALTER TABLE), ' +
        'or it was done before a call with it was. Let the error go through, or put the statement that may fail into a nested ' +
        'transaction (a savepoint); do not commit or roll back by hand; await everything.',
      { code: 'TRANSACTION_BROKEN', fields: { transaction }, cause },
    );
  }
}
