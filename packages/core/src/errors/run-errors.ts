import { brandErrorClass, DurableError } from './durable-error.js';

/** `Name: message` of anything that was thrown, for the end of a sentence. */
function summarize(cause: unknown): string {
  if (!(cause instanceof Error))
    return typeof cause === 'string' ? cause : 'a value that is not an Error was thrown';
  return `${cause.name}: ${cause.message}`;
}

function because(reason: string | null | undefined): string {
  return reason ? `: ${reason.replace(/\.+$/, '')}` : '';
}

/** No run has this id in this namespace. HTTP 404. */
export class RunNotFoundError extends DurableError<{ readonly runId: string }> {
  static {
    brandErrorClass(this, 'RunNotFoundError');
  }

  constructor(runId: string) {
    super(`No run has the id "${runId}". Check the id and the namespace.`, {
      code: 'RUN_NOT_FOUND',
      fields: { runId },
      httpStatus: 404,
    });
  }
}

/** How a start differs from the run that has its id already. */
export type RunConflict = {
  readonly runId: string;
  readonly differs: 'workflow' | 'version' | 'input' | 'parent';
  /** What the existing run has, where that may be shown. */
  readonly existing?: string;
  readonly asked?: string;
};

/** A run with this id exists and is another one: its workflow, version or input differs. HTTP 409. */
export class RunConflictError extends DurableError<RunConflict> {
  static {
    brandErrorClass(this, 'RunConflictError');
  }

  constructor(conflict: RunConflict) {
    const { runId, differs, existing, asked } = conflict;
    const values = existing === undefined ? '' : ` ("${existing}", not "${asked ?? '?'}")`;
    super(
      `A run with the id "${runId}" exists with another ${differs}${values}. Use another id, or start it with the same ${differs}.`,
      { code: 'RUN_CONFLICT', fields: { ...conflict }, httpStatus: 409 },
    );
  }
}

/** Which id, and how long it was waited for. */
export type BusyRunId = { readonly runId: string; readonly waitedMs: number };

/** A transaction that has not ended holds this id, or on SQLite the database; nothing was started. HTTP 409. */
export class RunIdBusyError extends DurableError<BusyRunId> {
  static {
    brandErrorClass(this, 'RunIdBusyError');
  }

  constructor(busy: BusyRunId) {
    const { runId, waitedMs } = busy;
    super(
      `The run "${runId}" could not be started for ${waitedMs} ms: a transaction that has not ended holds its id, or the ` +
        'whole database. If it is your own, pass it as `transaction`, or start the run when it has ended.',
      { code: 'RUN_ID_BUSY', fields: { ...busy }, httpStatus: 409 },
    );
  }
}

/** An operation that a run's status does not allow. */
export type RefusedTransition = {
  readonly runId: string;
  readonly status: string;
  /** What was asked for: `retry`. */
  readonly action: string;
  /** Statuses in which it is possible. */
  readonly allowed: readonly string[];
};

/** The run's status does not allow the operation; nothing has changed. HTTP 409. */
export class RunStateError extends DurableError<RefusedTransition> {
  static {
    brandErrorClass(this, 'RunStateError');
  }

  constructor(refused: RefusedTransition) {
    const { runId, status, action, allowed } = refused;
    super(`Run "${runId}" is ${status}; ${action} needs a run that is ${allowed.join(' or ')}.`, {
      code: 'RUN_STATE',
      fields: { ...refused },
      httpStatus: 409,
    });
  }
}

/** The awaited run ended `failed`; its error is the cause. */
export class RunFailedError extends DurableError<{ readonly runId: string }> {
  static {
    brandErrorClass(this, 'RunFailedError');
  }

  constructor({ runId, cause }: { readonly runId: string; readonly cause: unknown }) {
    super(`Run "${runId}" failed: ${summarize(cause)}`, {
      code: 'RUN_FAILED',
      fields: { runId },
      cause,
    });
  }
}

/** Whose cancel it is, and why. */
export interface Cancellation {
  readonly runId: string;
  readonly reason?: string | null;
}

/** The awaited run ended `cancelled`. */
export class RunCancelledError extends DurableError<{
  readonly runId: string;
  readonly reason: string | null;
}> {
  static {
    brandErrorClass(this, 'RunCancelledError');
  }

  constructor({ runId, reason = null }: Cancellation) {
    super(`Run "${runId}" was cancelled${because(reason)}.`, {
      code: 'RUN_CANCELLED',
      fields: { runId, reason },
    });
  }
}

/** The awaited run is `blocked`: it goes on only after a deploy or an operator's `retry`. HTTP 409. */
export class RunBlockedError extends DurableError<{
  readonly runId: string;
  readonly reason: string | null;
}> {
  static {
    brandErrorClass(this, 'RunBlockedError');
  }

  constructor({ runId, reason = null }: Cancellation) {
    super(
      `Run "${runId}" is blocked${because(reason)}. Repair the cause, then put it back with retry("${runId}").`,
      { code: 'RUN_BLOCKED', fields: { runId, reason }, httpStatus: 409 },
    );
  }
}

/** The run did not end within the `timeout` it was started with. */
export class RunTimeoutError extends DurableError<{
  readonly runId: string;
  readonly timeoutMs: number;
}> {
  static {
    brandErrorClass(this, 'RunTimeoutError');
  }

  constructor({ runId, timeoutMs }: { readonly runId: string; readonly timeoutMs: number }) {
    super(`Run "${runId}" did not end within its timeout of ${timeoutMs} ms.`, {
      code: 'RUN_TIMEOUT',
      fields: { runId, timeoutMs },
    });
  }
}

/** Delivered to workflow code at its pending operations when the run is cancelled. Catch it only to clean up. */
export class CancelledError extends DurableError<{
  readonly runId: string;
  readonly reason: string | null;
}> {
  static {
    brandErrorClass(this, 'CancelledError');
  }

  constructor({ runId, reason = null }: Cancellation) {
    super(`Run "${runId}" is being cancelled${because(reason)}.`, {
      code: 'CANCELLED',
      fields: { runId, reason },
    });
  }
}

/** How a child run ended. */
export interface FailedChild {
  readonly childRunId: string;
  readonly workflow: string;
  /** The child's own error, as decoded. */
  readonly cause: unknown;
}

/** A child run ended `failed` or `cancelled`; its error is the cause. */
export class ChildFailedError extends DurableError<{
  readonly childRunId: string;
  readonly workflow: string;
}> {
  static {
    brandErrorClass(this, 'ChildFailedError');
  }

  constructor({ childRunId, workflow, cause }: FailedChild) {
    super(`Child run "${childRunId}" of workflow "${workflow}" failed: ${summarize(cause)}`, {
      code: 'CHILD_FAILED',
      fields: { childRunId, workflow },
      cause,
    });
  }
}
