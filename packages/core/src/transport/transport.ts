/**
 * The transport port: carries attempts of remote steps to their handlers and results back. It is only a hint: the
 * outbox in the store is the truth, and whatever a transport loses is dispatched again. A transport may deliver a task
 * or a result twice, late or never; the engine accepts one result per attempt.
 */
import type { Codec } from '../codec/codec.js';
import type { Runtime } from '../runtime/runtime.js';
import type { RemoteTask, TaskResult } from '../store/state-store.js';
import type { StepContext } from '../workflow/context.js';
import type { ClientCall, RemoteWorkflows, ServedWorkflow } from './remote-workflows.js';

/** A handler of a remote step on the worker's side. */
export interface StepHandler {
  readonly name: string;
  /** Takes and returns plain values; validation by the contract has been wrapped around it already. */
  readonly invoke: (input: unknown, step: StepContext) => Promise<unknown>;
}

/** A sign of life of a running attempt. `progress` is encoded, or undefined when unchanged. */
export interface TaskHeartbeat {
  readonly taskId: string;
  readonly token: string;
  readonly progress?: string;
}

/** What both ends of a transport work with: the codec, the clock, the timers and the logger of their process. */
export interface TransportHost {
  readonly codec: Codec;
  readonly runtime: Runtime;
  /** Separates applications that share a broker: tasks of one never reach handlers of another. @default 'default' */
  readonly namespace?: string;
  /** How often a running attempt gives a sign of life by itself, in milliseconds. @default 5000 */
  readonly livenessMs?: number;
  /**
   * An engine's: how often the process of an attempt may die in the middle. A transport that learns that it was more often
   * answers with a `RemoteCrashError`; of a transport within the process the engine knows. @default without end
   */
  readonly maxCrashes?: number;
}

/** The engine's end of a transport. */
export interface TransportSink {
  /** Resolves when the result is in the database or known to be useless: the transport may forget it then. */
  result(result: TaskResult): Promise<void>;
  heartbeat(beat: TaskHeartbeat): void;
  /** Somebody has begun to serve these steps: what was `unserved` may be dispatched at once. A hint. */
  served?(steps: readonly string[]): void;
  /** All workflows that other processes have the code of now, whenever that has changed. */
  workflows?(served: readonly ServedWorkflow[]): void;
  /** Resolves to the answer, encoded, when what was asked for is durable. */
  call?(call: ClientCall): Promise<string>;
}

/** Whether a task was handed over. `unserved`: nobody announces a handler for the step now. */
export type DispatchOutcome = 'dispatched' | 'unserved';

export interface Transport {
  readonly name: string;
  /** `process`: only handlers of this process can be reached, so only their tasks are taken from the outbox. */
  readonly reach: 'process' | 'network';
  /** The way to workflows whose code other processes have, where the transport has one. */
  readonly workflows?: RemoteWorkflows;
  /** Binds the engine. Called once, before anything is dispatched. */
  bind(sink: TransportSink, host: TransportHost): Promise<void>;
  /** Binds handlers of this process. Called once, at boot; may be called without `bind` in a pure worker. */
  serve(handlers: readonly StepHandler[], worker: string, host: TransportHost): Promise<void>;
  /**
   * Hands tasks over, and answers for each, in order. Rejects soon when that is impossible now: whether any of them was
   * handed over is open then, and they are dispatched again.
   */
  dispatch(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]>;
  /** Asks the handlers of these attempts to stop: their AbortSignal fires. Best effort. */
  cancel(taskIds: readonly string[], reason: string): Promise<void>;
  /** Stops taking tasks, waits up to `timeoutMs` for running handlers, then aborts them. */
  close(timeoutMs: number): Promise<void>;
}
