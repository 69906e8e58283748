/** Local step attempts of this process: bounded in number, each with its signal, timeouts and heartbeats. */
import type { Codec } from '../codec/codec.js';
import type { AttemptEnd } from '../decide/attempts.js';
import { HeartbeatTimeoutError, StepTimeoutError } from '../errors/errors.js';
import { Watchdog } from '../remote/watchdog.js';
import { inRootContext } from '../runtime/root-context.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Json, StepContext } from '../workflow/context.js';

/** One attempt to be run here. */
export interface LocalAttempt {
  readonly name: string;
  readonly invoke: (step: StepContext) => unknown;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
  /** Progress of the attempt before, encoded. */
  readonly progress: string | null;
}

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
  start(attempt: LocalAttempt, done: (end: AttemptEnd) => void): LocalStep {
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
  private readonly done: (end: AttemptEnd) => void;
  private readonly release: () => void;
  private controller: AbortController | null = null;
  private abortReason: Error | null = null;
  private state: 'queued' | 'running' | 'ended' = 'queued';
  private startedAt = 0;
  private lastProgress: string | null = null;
  private timeout: Watchdog | null = null;
  private silence: Watchdog | null = null;

  constructor(
    call: LocalAttempt,
    env: LocalStepEnv,
    done: (end: AttemptEnd) => void,
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
    this.done(this.failure(reason));
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
    const fail = (error: unknown) => this.finish(this.failure(error));
    try {
      Promise.resolve(inRootContext(() => this.call.invoke(this))).then(
        (value) => this.succeed(value),
        fail,
      );
    } catch (error) {
      // Never inside the caller's stack: a step that throws at once ends like one that rejects.
      queueMicrotask(() => fail(error));
    }
  }

  private watch(): void {
    const { timeoutMs, heartbeatTimeoutMs, name, attempt } = this.call;
    const limit = (Timeout: typeof StepTimeoutError, limitMs: number): Watchdog =>
      new Watchdog(this.env.runtime, limitMs, () => {
        const error = new Timeout({ step: name, timeoutMs: limitMs, attempt });
        this.abortReason ??= error;
        this.controller?.abort(error);
        this.finish(this.failure(error));
      });
    if (timeoutMs !== null) this.timeout = limit(StepTimeoutError, timeoutMs);
    if (heartbeatTimeoutMs !== null)
      this.silence = limit(HeartbeatTimeoutError, heartbeatTimeoutMs);
  }

  private succeed(value: unknown): void {
    if (this.state === 'ended') return;
    let payload: string;
    try {
      payload = this.env.codec.encode(value, `result of step '${this.call.name}'`);
    } catch (error) {
      this.finish(this.failure(error));
      return;
    }
    const { startedAt, lastProgress } = this;
    this.finish({ ok: true, payload, error: null, startedAt, progress: lastProgress });
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

  private finish(end: AttemptEnd | null): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.timeout?.stop();
    this.silence?.stop();
    this.release();
    if (end !== null) this.done(end);
  }
}
