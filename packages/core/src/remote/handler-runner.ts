/**
 * One attempt of a remote step on the worker's side, the same for every transport: text in, text out.
 *
 * An attempt ends once. Its timeouts end it at once, whether or not the handler obeys its signal; a cancel only fires
 * the signal, because the engine wants the real outcome: a charge that went through has to be known.
 */
import { HeartbeatTimeoutError, StepTimeoutError } from '../errors/errors.js';
import type { RemoteResult } from '../model/message.js';
import type { RemoteTask } from '../store/state-store.js';
import type { StepHandler, TransportHost } from '../transport/transport.js';
import type { Json, StepContext } from '../workflow/context.js';
import { encodeOutcome, type Outcome } from './attempt-outcome.js';
import { HeartbeatReporter } from './heartbeat-reporter.js';
import { Watchdog } from './watchdog.js';

/** One attempt to be run. */
export interface Attempt {
  readonly handler: StepHandler;
  readonly task: RemoteTask;
  /** Name of the process, for the result. */
  readonly worker: string;
  /** Takes the attempt's signs of life, throttled; progress is encoded. Must not throw. */
  readonly heartbeat: (progress: string | undefined) => void;
  /** How often the engine wants a sign of life, in milliseconds. @default what the host says */
  readonly livenessMs?: number;
}

/** An attempt that has been taken on. */
export interface RunningAttempt {
  /** Never rejects: whatever goes wrong is a result with `ok: false` and the error as its payload. */
  readonly result: Promise<RemoteResult>;
  /** Fires the handler's signal and goes on waiting for its real outcome; before the handler is called, ends it. */
  cancel(reason: Error): void;
  /** Nobody will take the result any more: fires the signal, ends all timers and waits no longer. */
  abandon(reason: Error): void;
}

const THROTTLE_MS = 1_000;
const DEFAULT_LIVENESS_MS = 5_000;

/** Takes an attempt on. The handler is called later, never inside this call. */
export function startAttempt(attempt: Attempt, host: TransportHost): RunningAttempt {
  return new AttemptRun(attempt, host);
}

class AttemptRun implements RunningAttempt {
  readonly result: Promise<RemoteResult>;
  readonly #attempt: Attempt;
  readonly #host: TransportHost;
  readonly #controller = new AbortController();
  readonly #reporter: HeartbeatReporter;
  readonly #timers: readonly { stop(): void }[];
  readonly #silence: Watchdog | undefined;
  #state: 'queued' | 'running' | 'ended' = 'queued';
  #settle: (outcome: Outcome) => void = () => {};
  #progress: string | undefined;

  constructor(attempt: Attempt, host: TransportHost) {
    this.#attempt = attempt;
    this.#host = host;
    const { timeoutMs, heartbeatTimeoutMs } = attempt.task;
    const fastest = heartbeatTimeoutMs === null ? THROTTLE_MS : heartbeatTimeoutMs / 3;
    const livenessMs = attempt.livenessMs ?? host.livenessMs ?? DEFAULT_LIVENESS_MS;
    const pace = { throttleMs: Math.min(THROTTLE_MS, fastest, livenessMs), livenessMs };
    this.#reporter = new HeartbeatReporter(host.runtime, pace, attempt.heartbeat);
    this.#silence = this.#limit(HeartbeatTimeoutError, heartbeatTimeoutMs);
    const timeout = this.#limit(StepTimeoutError, timeoutMs);
    this.#timers = [this.#reporter, this.#silence, timeout].filter((timer) => timer !== undefined);
    this.result = this.#encoded();
    host.runtime.scheduler.soon(() => void this.#run());
  }

  cancel(reason: Error): void {
    if (this.#state === 'queued') this.#end({ ok: false, error: reason });
    this.#controller.abort(reason);
  }

  abandon(reason: Error): void {
    this.#end({ ok: false, error: reason });
    this.#controller.abort(reason);
  }

  async #encoded(): Promise<RemoteResult> {
    const { task, worker } = this.#attempt;
    const startedAt = this.#host.runtime.clock.now();
    const outcome = await new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    const encoded = encodeOutcome(outcome, task.step, this.#host.codec);
    const progress = this.#progress === undefined ? {} : { progress: this.#progress };
    return { attempt: task.attempt, worker, startedAt, ...encoded, ...progress };
  }

  async #run(): Promise<void> {
    if (this.#state !== 'queued') return;
    this.#state = 'running';
    const { handler, task } = this.#attempt;
    try {
      const input = this.#host.codec.decode(task.input);
      const value = await handler.invoke(input, this.#context());
      this.#end({ ok: true, value });
    } catch (error) {
      this.#end({ ok: false, error });
    }
  }

  #context(): StepContext {
    const { task } = this.#attempt;
    const { codec } = this.#host;
    return {
      idempotencyKey: task.idempotencyKey,
      attempt: task.attempt,
      signal: this.#controller.signal,
      heartbeat: (progress) => this.#heartbeat(progress),
      ...(task.progress === null ? {} : { progress: codec.decode(task.progress) as Json }),
    };
  }

  #heartbeat(progress: Json | undefined): void {
    if (this.#state === 'ended') return;
    const { codec } = this.#host;
    const encoded = progress === undefined ? undefined : codec.encode(progress, 'progress');
    this.#progress = encoded ?? this.#progress;
    this.#silence?.touch();
    this.#reporter.report(encoded);
  }

  #limit(Timeout: typeof StepTimeoutError, timeoutMs: number | null): Watchdog | undefined {
    if (timeoutMs === null) return undefined;
    const { step, attempt } = this.#attempt.task;
    return new Watchdog(this.#host.runtime, timeoutMs, () => {
      this.abandon(new Timeout({ step, timeoutMs, attempt }));
    });
  }

  #end(outcome: Outcome): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    for (const timer of this.#timers) timer.stop();
    this.#settle(outcome);
  }
}
