/**
 * The worker side of a transport in one process: knows the handlers and the attempts that run, hands results over until
 * they are taken. What it loses (a result nobody takes, an attempt aborted by shutdown) is dispatched again by the
 * engine, so it may give up; what it must not do is run one attempt twice at once, or report a shutdown as a failure.
 */
import { CancelledError, DuplicateRegistrationError, ShutdownError } from '../errors/errors.js';
import type { RemoteResult } from '../model/message.js';
import type { RemoteTask } from '../store/state-store.js';
import type { StepHandler, TransportHost, TransportSink } from '../transport/transport.js';
import { type RunningAttempt, startAttempt } from './handler-runner.js';
import { startTimer } from './watchdog.js';

/** Pauses between tries to hand one result over. */
const HANDOVER_DELAYS_MS = [50, 200, 1_000, 5_000, 10_000] as const;

interface RunningTask {
  readonly task: RemoteTask;
  readonly attempt: RunningAttempt;
  readonly over: Promise<AttemptEnd>;
}

/** `reported`: its result was taken. `dropped`: nobody knows how it ended, so it has to run again. */
export type AttemptEnd = 'reported' | 'dropped';

/** What a worker serves. */
export interface StepWorkerOptions {
  readonly handlers: readonly StepHandler[];
  /** Name of this process. */
  readonly worker: string;
  readonly host: TransportHost;
}

/** Runs the remote attempts of one process. */
export class StepWorker {
  readonly #handlers = new Map<string, StepHandler>();
  readonly #worker: string;
  readonly #host: TransportHost;
  /** By the token of the attempt: a later attempt of the same task has another. */
  readonly #running = new Map<string, RunningTask>();
  #phase: 'open' | 'draining' | 'closed' = 'open';
  #onIdle: () => void = () => {};
  /** Ends the pauses between tries at once. */
  readonly #wakers = new Set<() => void>();

  /** @throws DuplicateRegistrationError if two handlers have one name */
  constructor({ handlers, worker, host }: StepWorkerOptions) {
    this.#worker = worker;
    this.#host = host;
    for (const handler of handlers) {
      const { name } = handler;
      if (this.#handlers.has(name)) {
        const [first, second] = ['One handler', 'another'];
        throw new DuplicateRegistrationError({ kind: 'step', name, first, second });
      }
      this.#handlers.set(name, handler);
    }
  }

  /**
   * Takes a task, unless nobody here serves its step or the worker is closing: then false. Returns at once; the result
   * goes to `sink`. An attempt that is running here already goes on, and is not run beside itself.
   */
  take(task: RemoteTask, sink: TransportSink): boolean {
    return this.run(task, sink) !== undefined;
  }

  /**
   * As `take`, for a transport that has to know when an attempt is over: resolves then, and never rejects. Undefined where
   * `take` is false.
   *
   * @param livenessMs how often the engine wants a sign of life; the host's pace if it is left out
   */
  run(task: RemoteTask, sink: TransportSink, livenessMs?: number): Promise<AttemptEnd> | undefined {
    return this.#run(this.#handlers.get(task.step), task, sink, livenessMs);
  }

  /** As `run`, but the step's handler is not called: the attempt has failed with this error. */
  refuse(task: RemoteTask, sink: TransportSink, error: Error): Promise<AttemptEnd> | undefined {
    const invoke = async () => {
      throw error;
    };
    return this.#run({ name: task.step, invoke }, task, sink);
  }

  #run(
    handler: StepHandler | undefined,
    task: RemoteTask,
    sink: TransportSink,
    livenessMs?: number,
  ): Promise<AttemptEnd> | undefined {
    if (handler === undefined || this.#phase !== 'open') return undefined;
    const running = this.#running.get(task.token);
    if (running !== undefined) return running.over;
    const heartbeat = (progress: string | undefined) => this.#beat(task, sink, progress);
    const pace = livenessMs === undefined ? {} : { livenessMs };
    const attempt = startAttempt(
      { handler, task, worker: this.#worker, heartbeat, ...pace },
      this.#host,
    );
    const over = this.#finish(task, attempt, sink);
    this.#running.set(task.token, { task, attempt, over });
    return over;
  }

  /** Whether a step is served here. */
  serves(step: string): boolean {
    return this.#handlers.has(step);
  }

  /** Fires the signals of these tasks' attempts. Unknown ids are ignored. */
  cancel(taskIds: readonly string[], reason: string): void {
    const ids = new Set(taskIds);
    for (const { task, attempt } of this.#running.values()) {
      if (ids.has(task.id)) attempt.cancel(new CancelledError({ runId: task.runId, reason }));
    }
  }

  /**
   * Takes no more tasks, waits up to `timeoutMs` until all results are handed over, then fires the signals of the rest
   * and waits no longer for them. The rest reports nothing: the engine dispatches it again.
   */
  async close(timeoutMs: number): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'draining';
    if (this.#running.size > 0) await this.#drain(timeoutMs);
    this.#phase = 'closed';
    for (const wake of this.#wakers) wake();
    for (const { attempt } of this.#running.values()) attempt.abandon(new ShutdownError());
  }

  #drain(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = startTimer(this.#host.runtime, timeoutMs, resolve);
      this.#onIdle = () => {
        stopTimer();
        resolve();
      };
    });
  }

  async #finish(
    task: RemoteTask,
    attempt: RunningAttempt,
    sink: TransportSink,
  ): Promise<AttemptEnd> {
    const result = await attempt.result;
    const end = await this.#handOver(task, result, sink);
    this.#running.delete(task.token);
    if (this.#running.size === 0) this.#onIdle();
    return end;
  }

  async #handOver(
    task: RemoteTask,
    result: RemoteResult,
    sink: TransportSink,
  ): Promise<AttemptEnd> {
    for (const delayMs of [...HANDOVER_DELAYS_MS, null]) {
      if (this.#phase === 'closed') return 'dropped';
      try {
        await sink.result({ taskId: task.id, token: task.token, result });
        return 'reported';
      } catch (error) {
        this.#warn(task, error, delayMs);
      }
      if (delayMs !== null) await this.#pause(delayMs);
    }
    return 'dropped';
  }

  #warn(task: RemoteTask, error: unknown, delayMs: number | null): void {
    const { id: taskId, runId, step } = task;
    const next = delayMs === null ? 'It will run again.' : `Next try in ${delayMs} ms.`;
    const message = `The result of remote step '${step}' of run ${runId} was not taken. ${next}`;
    this.#host.runtime.logger.warn(message, { taskId, error });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        stopTimer();
        this.#wakers.delete(wake);
        resolve();
      };
      const stopTimer = startTimer(this.#host.runtime, delayMs, wake);
      this.#wakers.add(wake);
    });
  }

  #beat(task: RemoteTask, sink: TransportSink, progress: string | undefined): void {
    if (this.#phase === 'closed') return;
    const beat = { taskId: task.id, token: task.token };
    try {
      sink.heartbeat(progress === undefined ? beat : { ...beat, progress });
    } catch (error) {
      const message = `A heartbeat of remote step '${task.step}' was not taken.`;
      this.#host.runtime.logger.warn(message, { taskId: task.id, error });
    }
  }
}
