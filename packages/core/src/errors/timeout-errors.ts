import { brandErrorClass, DurableError } from './durable-error.js';

/** Which attempt ran out of time. */
export type StepTimeout = {
  readonly step: string;
  readonly timeoutMs: number;
  readonly attempt: number;
};

/** An attempt of a step took longer than its `timeout`. Its signal has fired; it is retried as its policy says. */
export class StepTimeoutError extends DurableError<StepTimeout> {
  static {
    brandErrorClass(this, 'StepTimeoutError');
  }

  constructor(timeout: StepTimeout) {
    const { step, timeoutMs, attempt } = timeout;
    super(`Attempt ${attempt} of step "${step}" took longer than its timeout of ${timeoutMs} ms.`, {
      code: 'STEP_TIMEOUT',
      fields: { ...timeout },
    });
  }
}

/** An attempt of a step was silent for longer than its `heartbeatTimeout`. */
export class HeartbeatTimeoutError extends DurableError<StepTimeout> {
  static {
    brandErrorClass(this, 'HeartbeatTimeoutError');
  }

  constructor(timeout: StepTimeout) {
    const { step, timeoutMs, attempt } = timeout;
    super(
      `Attempt ${attempt} of step "${step}" sent no heartbeat for ${timeoutMs} ms. Call step.heartbeat() more often, or raise heartbeatTimeout.`,
      { code: 'HEARTBEAT_TIMEOUT', fields: { ...timeout } },
    );
  }
}

/** Which attempt lost its process once more. */
export type RemoteCrash = {
  readonly step: string;
  readonly attempt: number;
  readonly crashes: number;
};

/**
 * The process of a remote attempt has died, or stood still for too long, as often as `maxRemoteCrashes` allows, and no
 * result came. The attempt has failed; it is retried as its policy says.
 */
export class RemoteCrashError extends DurableError<RemoteCrash> {
  static {
    brandErrorClass(this, 'RemoteCrashError');
  }

  constructor(crash: RemoteCrash) {
    const { step, attempt, crashes } = crash;
    super(
      `Attempt ${attempt} of remote step "${step}" was begun ${crashes} times, and each time its process died or stood still before there was a result. Find out what kills it.`,
      { code: 'REMOTE_CRASH', fields: { ...crash } },
    );
  }
}

/** `ctx.waitForSignal` saw no payload before its deadline. A payload stored later stays for the next wait. */
export class SignalTimeoutError extends DurableError<{
  readonly token: string;
  readonly timeoutMs: number;
}> {
  static {
    brandErrorClass(this, 'SignalTimeoutError');
  }

  constructor({ token, timeoutMs }: { readonly token: string; readonly timeoutMs: number }) {
    super(`No signal came for "${token}" within ${timeoutMs} ms.`, {
      code: 'SIGNAL_TIMEOUT',
      fields: { token, timeoutMs },
    });
  }
}

/** `waitForRun` gave up waiting. The run goes on. HTTP 504. */
export class WaitTimeoutError extends DurableError<{
  readonly runId: string;
  readonly timeoutMs: number;
}> {
  static {
    brandErrorClass(this, 'WaitTimeoutError');
  }

  constructor({ runId, timeoutMs }: { readonly runId: string; readonly timeoutMs: number }) {
    super(
      `Run "${runId}" did not end within ${timeoutMs} ms. It goes on; wait again or look it up later.`,
      {
        code: 'WAIT_TIMEOUT',
        httpStatus: 504,
        fields: { runId, timeoutMs },
      },
    );
  }
}
