import { brandErrorClass, DurableError } from './durable-error.js';

/** A workflow that was asked for. */
export interface UnknownWorkflow {
  readonly workflow: string;
  readonly version?: string;
  /** Names that are known, for the message. */
  readonly known?: readonly string[];
}

/** No process has ever announced a workflow of this name and version. HTTP 404. */
export class UnknownWorkflowError extends DurableError<{
  readonly workflow: string;
  readonly version: string | null;
}> {
  static {
    brandErrorClass(this, 'UnknownWorkflowError');
  }

  constructor({ workflow, version, known = [] }: UnknownWorkflow) {
    const wanted = version === undefined ? `"${workflow}"` : `"${workflow}" version "${version}"`;
    const names = known.length === 0 ? 'none' : known.slice(0, 20).join(', ');
    super(
      `No process has announced the workflow ${wanted}. Known: ${names}. Register it, or check the name.`,
      {
        code: 'UNKNOWN_WORKFLOW',
        fields: { workflow, version: version ?? null },
        httpStatus: 404,
      },
    );
  }
}

/** Two registrations that exclude each other. */
export type Duplicate = {
  readonly kind: 'workflow' | 'step' | 'class codec' | 'error class';
  readonly name: string;
  /** What they are, for the message: class names, or `Class.method`. */
  readonly first: string;
  readonly second: string;
};

/** Two workflows, steps, codecs or error classes are registered under one name. Raised while starting up. */
export class DuplicateRegistrationError extends DurableError<Duplicate> {
  static {
    brandErrorClass(this, 'DuplicateRegistrationError');
  }

  constructor(duplicate: Duplicate) {
    const { kind, name, first, second } = duplicate;
    super(`${first} and ${second} both register the ${kind} "${name}". Rename or remove one.`, {
      code: 'DUPLICATE_REGISTRATION',
      fields: { ...duplicate },
    });
  }
}

/** Which ownership was lost. */
export type LostLease = {
  readonly runId: string;
  readonly worker: string;
  readonly epoch: number;
};

/** Another worker owns the run now; nothing of this one's turn was written (T2). Internal: user code never gets it. */
export class LeaseLostError extends DurableError<LostLease> {
  static {
    brandErrorClass(this, 'LeaseLostError');
  }

  constructor(lost: LostLease) {
    const { runId, worker, epoch } = lost;
    super(`Worker "${worker}" no longer owns run "${runId}" at epoch ${epoch}.`, {
      code: 'LEASE_LOST',
      fields: { ...lost },
    });
  }
}

/** An operation as the determinism check sees it. */
export type OperationLabel = {
  readonly kind: string;
  readonly name: string;
  /** Digest of its input; null where the input is a closure. */
  readonly digest: string | null;
};

/** Where code and history part; null = nothing there. */
export type ReplayMismatch = {
  readonly runId: string;
  readonly workflow: string;
  readonly position: number;
  readonly recorded: OperationLabel | null;
  readonly asked: OperationLabel | null;
};

function describeMismatch({ recorded, asked }: ReplayMismatch): string {
  const label = (operation: OperationLabel | null) =>
    operation === null ? 'nothing' : `${operation.kind} "${operation.name}"`;
  if (label(recorded) !== label(asked)) {
    return `history has ${label(recorded)}, the code asks for ${label(asked)}`;
  }
  return recorded?.digest === asked?.digest
    ? `the code asks for ${label(asked)} in another turn than history has it`
    : `the input of ${label(asked)} is not the recorded one`;
}

/** The workflow's code no longer fits the history of a run; the run becomes `blocked` and nothing is lost. */
export class DeterminismError extends DurableError<ReplayMismatch> {
  static {
    brandErrorClass(this, 'DeterminismError');
  }

  constructor(found: ReplayMismatch) {
    const { runId, workflow, position } = found;
    super(
      `Run "${runId}" of workflow "${workflow}" does not replay: at position ${position} ${describeMismatch(found)}. ` +
        'Deploy the code it was started with, or guard the change with ctx.patched() or a new version; then retry the run.',
      { code: 'DETERMINISM', fields: { ...found } },
    );
  }
}

/** What gave a foreign await away. */
export type ForeignAwait = {
  readonly runId: string;
  readonly workflow: string;
  /** `stalled`: nothing is pending and the body has not ended; `outside-turn`: the body went on by itself. */
  readonly symptom: 'stalled' | 'outside-turn';
  /** The last outcome that the code has seen, in words. */
  readonly after: string;
  /** The user's line, `file:line:column`, or the operation that was asked for. */
  readonly at?: string;
};

/** A workflow body awaits something that is not a `ctx` operation, or itself: it would not replay. */
export class ForeignAwaitError extends DurableError<ForeignAwait> {
  static {
    brandErrorClass(this, 'ForeignAwaitError');
  }

  constructor(found: ForeignAwait) {
    const { runId, workflow, symptom, after, at } = found;
    const what =
      symptom === 'stalled'
        ? `waits, after ${after}, for something that is not a ctx operation, or for itself`
        : `went on, after ${after}, by something that is not a ctx operation`;
    super(
      `Run "${runId}" of workflow "${workflow}" ${what}${at === undefined ? '' : ` (${at})`}. ` +
        'Put timers, I/O and other promises into ctx.step(), and wait with ctx.sleep() or ctx.waitForSignal().',
      { code: 'FOREIGN_AWAIT', fields: { ...found } },
    );
  }
}

/** The code of a workflow in another process did what workflow code must not; the run becomes `blocked`. */
export class BrokenWorkflowError extends DurableError<BrokenWorkflow> {
  static {
    brandErrorClass(this, 'BrokenWorkflowError');
  }

  constructor(broken: BrokenWorkflow) {
    const { runId, workflow, what } = broken;
    super(
      `Run "${runId}" of workflow "${workflow}" cannot go on: ${what} ` +
        'Deploy code that can go on from where the run stands, then retry the run.',
      { code: 'BROKEN_WORKFLOW', fields: { ...broken } },
    );
  }
}

/** What a worker says of code that it runs. */
export type BrokenWorkflow = {
  readonly runId: string;
  readonly workflow: string;
  readonly what: string;
};

/** The database's schema is newer than this release knows; the process refuses to start. */
export class SchemaTooNewError extends DurableError<{
  readonly found: number;
  readonly supported: number;
}> {
  static {
    brandErrorClass(this, 'SchemaTooNewError');
  }

  constructor({ found, supported }: { readonly found: number; readonly supported: number }) {
    super(
      `The durable schema is version ${found}; this release knows up to ${supported}. Update @dudousxd/nestjs-durable.`,
      { code: 'SCHEMA_TOO_NEW', fields: { found, supported } },
    );
  }
}

/** The store in use cannot share a transaction with the application. */
export class TransactionsUnsupportedError extends DurableError<{ readonly store: string }> {
  static {
    brandErrorClass(this, 'TransactionsUnsupportedError');
  }

  constructor(store: string) {
    super(
      `${store} has no transactions to share. Do the work in ctx.step(), with its idempotencyKey.`,
      {
        code: 'TRANSACTIONS_UNSUPPORTED',
        fields: { store },
      },
    );
  }
}

/** The engine is stopping or has stopped: the call was not accepted, or its wait ended. Runs go on elsewhere. */
export class ShutdownError extends DurableError<Record<string, never>> {
  static {
    brandErrorClass(this, 'ShutdownError');
  }

  constructor() {
    super('The durable engine of this process is stopping. Call again on a process that runs.', {
      code: 'SHUTDOWN',
      fields: {},
      httpStatus: 503,
    });
  }
}

/** A call to an engine whose `start()` has not been called. */
export class NotStartedError extends DurableError<Record<string, never>> {
  static {
    brandErrorClass(this, 'NotStartedError');
  }

  constructor() {
    super(
      'The durable engine has not been started. Call start() first, or await app.init() in NestJS.',
      {
        code: 'NOT_STARTED',
        fields: {},
        httpStatus: 503,
      },
    );
  }
}
