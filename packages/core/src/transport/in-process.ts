import { StepWorker } from '../remote/step-worker.js';
import type { RemoteTask } from '../store/state-store.js';
import type {
  DispatchOutcome,
  StepHandler,
  Transport,
  TransportHost,
  TransportSink,
} from './transport.js';

/**
 * The transport of an engine that was given none: remote steps run in the engine's own process, by a direct call.
 * Nothing is serialized beyond what every transport carries, and nothing survives the process; the outbox does.
 */
export class InProcessTransport implements Transport {
  readonly name = 'in-process';
  readonly reach = 'process';
  #sink: TransportSink | undefined;
  #worker: StepWorker | undefined;

  async bind(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  async serve(
    handlers: readonly StepHandler[],
    worker: string,
    host: TransportHost,
  ): Promise<void> {
    this.#worker = new StepWorker({ handlers, worker, host });
  }

  async dispatch(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]> {
    return tasks.map((task) => {
      const taken = this.#sink !== undefined && this.#worker?.take(task, this.#sink);
      return taken === true ? 'dispatched' : 'unserved';
    });
  }

  async cancel(taskIds: readonly string[], reason: string): Promise<void> {
    this.#worker?.cancel(taskIds, reason);
  }

  async close(timeoutMs: number): Promise<void> {
    await this.#worker?.close(timeoutMs);
  }
}
