/**
 * Local attempts of this process, of steps and of transactions: bounded in number, each with its signal, timeouts and
 * heartbeats.
 */
import type { Codec } from '../codec/codec.js';
import type { AttemptEnd } from '../decide/attempts.js';
import { HeartbeatTimeoutError, StepTimeoutError } from '../errors/errors.js';
import { Watchdog } from '../remote/watchdog.js';
import { inRootContext } from '../runtime/root-context.js';
import type { Runtime } from '../runtime/runtime.js';
import type { TransactionGate, TransactionOutcome } from '../store/state-store.js';
import type { Json, StepContext } from '../workflow/context.js';

/** One attempt to be run here. */
export interface LocalAttempt {
  readonly name: string;
  /** `tx`: the open transaction, where the attempt is one of a transaction. */
  readonly invoke: (step: StepContext, tx: unknown) => unknown;
  /** Runs the attempt inside a transaction that commits its checkpoint; null for a plain step. */
  readonly transact: ((gate: TransactionGate) => Promise<TransactionOutcome>) | null;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
  /** Progress of the attempt before, encoded. */
  readonly progress: string | null;
}

/** How a local attempt ended. A transaction that has committed is in the inbox of its run. */
export type LocalEnd =
  | { readonly outcome: 'ended'; readonly end: AttemptEnd }
  | Exclude<TransactionOutcome, { readonly outcome: 'abandoned' }>;

export interface LocalStepEnv {
  readonly runtime: Runtime;
  readonly codec: Codec;
  /** Attempts at once. */
  readonly limit: number;
  /** Database time as estimated now. */
  readonly now: () => number;
  /** Asked before an attempt leaves the queue. */
  readonly mayStart: () => boolean;
}

/** Starts attempts in order, at most `limit` at once. */
export class LocalStepRunner {
  private readonly env: LocalStepEnv;
  private running = 0;
  private readonly queue: LocalStep[] = [];
  private idleListeners: (() => void)[] = [];

  constructor(env: LocalStepEnv) {
    this.env = env;
  }

  /** Runs an attempt now, or when a slot is free. `done` is called exactly once, unless the step is dropped before. */
  start(attempt: LocalAttempt, done: (end: LocalEnd) => void): LocalStep {
    const step = new LocalStep(attempt, this.env, done, () => this.release());
    if (this.running < this.env.limit) this.run(step);
    else this.queue.push(step);
    return step;
  }

  /** Resolves when no attempt runs. */
  whenIdle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private nextInLine(): LocalStep | undefined {
    let next = this.queue.shift();
    while (next?.dropped) next = this.queue.shift();
    return next;
  }

  private run(step: LocalStep): void {
    this.running += 1;
    step.run();
  }

  private release(): void {
    this.running -= 1;
    const next = this.env.mayStart() ? this.nextInLine() : undefined;
    if (next !== undefined) {
      this.run(next);
      return;
    }
    if (this.running > 0) return;
    const listeners = this.idleListeners;
    this.idleListeners = [];
    for (const listener of listeners) listener();
  }
}

/** One attempt, from its slot to its end. Its signal exists only if somebody looks at it. */
export class LocalStep implements StepContext {
  readonly idempotencyKey: string;
  readonly attempt: number;
  dropped = false;
  private readonly call: LocalAttempt;
  private readonly env: LocalStepEnv;
  private readonly done: (end: LocalEnd) => void;
  private readonly release: () => void;
  private controller: AbortController | null = null;
  private abortReason: Error | null = null;
  private state: 'queued' | 'running' | 'ended' = 'queued';
  /** The checkpoint is being written: whether the attempt has committed is for the store to say. */
  private committing = false;
  /** Why it would have ended while it was committing. */
  private overdue: Error | null = null;
  private startedAt = 0;
  private lastProgress: string | null = null;
  private timeout: Watchdog | null = null;
  private silence: Watchdog | null = null;

  constructor(
    call: LocalAttempt,
    env: LocalStepEnv,
    done: (end: LocalEnd) => void,
    release: () => void,
  ) {
    this.call = call;
    this.env = env;
    this.done = done;
    this.release = release;
    this.idempotencyKey = call.idempotencyKey;
    this.attempt = call.attempt;
  }

  get signal(): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.abortReason !== null) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  get progress(): Json {
    const { progress } = this.call;
    return (progress === null ? undefined : this.env.codec.decode(progress)) as Json;
  }

  /** Bound, since steps take their context apart. */
  readonly heartbeat = (progress?: Json): void => {
    this.silence?.touch();
    if (progress === undefined) return;
    this.lastProgress = this.env.codec.encode(progress, 'progress');
  };

  /** Fires the signal; the attempt's real outcome is still awaited. An attempt that has no slot yet ends with `reason`. */
  abort(reason: Error): void {
    this.abortReason ??= reason;
    this.controller?.abort(reason);
    if (this.state !== 'queued') return;
    this.dropped = true;
    this.state = 'ended';
    this.done({ outcome: 'ended', end: this.failure(reason) });
  }

  /** Fires the signal and forgets the attempt: `done` is not called any more. */
  drop(reason: Error): void {
    this.dropped = true;
    this.abortReason ??= reason;
    this.controller?.abort(reason);
    if (this.state === 'running') this.finish(null);
    this.state = 'ended';
  }

  run(): void {
    this.state = 'running';
    this.startedAt = this.env.now();
    this.watch();
    const { transact } = this.call;
    if (transact === null) this.runStep();
    else this.runTransaction(transact);
  }

  private runStep(): void {
    const fail = (error: unknown) => this.fail(error);
    try {
      Promise.resolve(inRootContext(() => this.call.invoke(this, undefined))).then(
        (value) => this.succeed(value),
        fail,
      );
    } catch (error) {
      // Never inside the caller's stack: a step that throws at once ends like one that rejects.
      queueMicrotask(() => fail(error));
    }
  }

  /** The slot stands for a connection: it is free when the transaction has ended, not before. */
  private runTransaction(transact: NonNullable<LocalAttempt['transact']>): void {
    const gate: TransactionGate = {
      startedAt: this.startedAt,
      now: () => this.env.now(),
      work: (tx) => this.work(tx),
      mayCommit: () => this.mayCommit(),
      isAbandoned: () => this.state === 'ended',
    };
    inRootContext(() => transact(gate))
      .then(
        (outcome) => this.settle(outcome),
        (error: unknown) => this.fail(this.overdue ?? error),
      )
      .finally(() => this.release());
  }

  /** One try of the transaction's body: its result, encoded. */
  private work(tx: unknown): string | Promise<string> {
    if (this.overdue !== null) throw this.overdue;
    this.committing = false;
    const value = inRootContext(() => this.call.invoke(this, tx));
    if (!isThenable(value)) return this.encode(value);
    return Promise.resolve(value).then((settled) => this.encode(settled));
  }

  /** Asked when the body is done: from then on no timeout ends the attempt, as it may have committed. */
  private mayCommit(): boolean {
    if (this.state === 'ended') return false;
    this.committing = true;
    return true;
  }

  private settle(outcome: TransactionOutcome): void {
    if (this.state === 'ended' || outcome.outcome === 'abandoned') return;
    this.finish(outcome);
  }

  private watch(): void {
    const { timeoutMs, heartbeatTimeoutMs, name, attempt } = this.call;
    const limit = (Timeout: typeof StepTimeoutError, limitMs: number): Watchdog =>
      new Watchdog(this.env.runtime, limitMs, () => {
        const error = new Timeout({ step: name, timeoutMs: limitMs, attempt });
        this.abortReason ??= error;
        this.controller?.abort(error);
        if (this.committing) this.overdue = error;
        else this.fail(error);
      });
    if (timeoutMs !== null) this.timeout = limit(StepTimeoutError, timeoutMs);
    if (heartbeatTimeoutMs !== null)
      this.silence = limit(HeartbeatTimeoutError, heartbeatTimeoutMs);
  }

  private succeed(value: unknown): void {
    if (this.state === 'ended') return;
    let payload: string;
    try {
      payload = this.encode(value);
    } catch (error) {
      this.fail(error);
      return;
    }
    const { startedAt, lastProgress: progress } = this;
    this.finish({ outcome: 'ended', end: { ok: true, payload, error: null, startedAt, progress } });
  }

  private encode(value: unknown): string {
    const { name, transact } = this.call;
    const what = transact === null ? 'step' : 'transaction';
    return this.env.codec.encode(value, `result of ${what} '${name}'`);
  }

  private fail(error: unknown): void {
    if (this.state === 'ended') return;
    this.finish({ outcome: 'ended', end: this.failure(error) });
  }

  private failure(error: unknown): AttemptEnd {
    const payload = this.env.codec.encodeError(error);
    return {
      ok: false,
      payload,
      error,
      startedAt: this.startedAt || null,
      progress: this.lastProgress,
    };
  }

  private finish(end: LocalEnd | null): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.timeout?.stop();
    this.silence?.stop();
    if (this.call.transact === null) this.release();
    if (end !== null) this.done(end);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
