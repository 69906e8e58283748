/**
 * Carries remote steps between the engine and the handlers of one process, over the application's event emitter. Tasks
 * and cancellations are events; a task brings its way back with it, so that results do not depend on who else uses the
 * emitter, nor on listeners that Nest removes at shutdown.
 *
 * Listeners of ours never throw, and never run a handler inside `emit`.
 */
import {
  type DispatchOutcome,
  InvalidArgumentError,
  type RemoteTask,
  type StepHandler,
  StepWorker,
  type Transport,
  type TransportHost,
  type TransportSink,
} from '@dudousxd/nestjs-durable-core';
import { Logger } from '@nestjs/common';
import type { EventEmitter2 } from '@nestjs/event-emitter';
import { type OwnListener, ownListener, safeEmit } from './safe-emit.js';

/** Namespaced, so that they do not meet events of the application. */
const TASK_EVENT = 'nestjs-durable.task';
const CANCEL_EVENT = 'nestjs-durable.cancel';

/** A task looking for somebody who serves its step. The first to take it has it. */
interface TaskOffer {
  readonly task: RemoteTask;
  readonly sink: TransportSink;
  taken: boolean;
}

interface CancelNotice {
  readonly taskIds: readonly string[];
  readonly reason: string;
}

/**
 * Transport over `@nestjs/event-emitter`, for handlers in the same process. Instances that share an emitter serve each
 * other's tasks; instances on separate emitters know nothing of each other.
 *
 * @example
 * DurableModule.forRootAsync({
 *   inject: [EventEmitter2],
 *   useFactory: (emitter: EventEmitter2) => ({ store, transport: new EventEmitterTransport(emitter) }),
 * })
 */
export class EventEmitterTransport implements Transport {
  readonly name = 'event-emitter';
  readonly reach = 'process';
  readonly #emitter: EventEmitter2;
  readonly #logger = new Logger(EventEmitterTransport.name);
  #sink: TransportSink | undefined;
  #serving:
    | {
        readonly worker: StepWorker;
        readonly onTask: OwnListener<TaskOffer>;
        readonly onCancel: OwnListener<CancelNotice>;
      }
    | undefined;

  /** @param emitter the one that `EventEmitterModule` provides; inject `EventEmitter2` */
  constructor(emitter: EventEmitter2) {
    if (typeof emitter?.emit !== 'function' || typeof emitter.listeners !== 'function') {
      const todo = 'Import EventEmitterModule.forRoot(), and inject EventEmitter2.';
      throw new InvalidArgumentError({ field: 'emitter', received: emitter, todo });
    }
    this.#emitter = emitter;
  }

  async bind(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  async serve(
    handlers: readonly StepHandler[],
    workerName: string,
    host: TransportHost,
  ): Promise<void> {
    const worker = new StepWorker({ handlers, worker: workerName, host });
    const onTask = ownListener<TaskOffer>((offer) => {
      if (!offer.taken) offer.taken = worker.take(offer.task, offer.sink);
    });
    const onCancel = ownListener<CancelNotice>(({ taskIds, reason }) => {
      worker.cancel(taskIds, reason);
    });
    this.#serving = { worker, onTask, onCancel };
    this.#emitter.on(TASK_EVENT, onTask);
    this.#emitter.on(CANCEL_EVENT, onCancel);
  }

  async dispatch(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]> {
    return tasks.map((task) => this.#offer(task));
  }

  #offer(task: RemoteTask): DispatchOutcome {
    if (this.#sink === undefined) return 'unserved';
    const offer: TaskOffer = { task, sink: this.#sink, taken: false };
    this.#emit(TASK_EVENT, offer);
    return offer.taken ? 'dispatched' : 'unserved';
  }

  async cancel(taskIds: readonly string[], reason: string): Promise<void> {
    const notice: CancelNotice = { taskIds, reason };
    this.#emit(CANCEL_EVENT, notice);
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#serving === undefined) return;
    const { worker, onTask, onCancel } = this.#serving;
    this.#emitter.off(TASK_EVENT, onTask);
    await worker.close(timeoutMs);
    this.#emitter.off(CANCEL_EVENT, onCancel);
  }

  #emit(event: string, message: TaskOffer | CancelNotice): void {
    const failure = safeEmit(this.#emitter, event, message);
    if (failure === undefined) return;
    const { thrown } = failure;
    const stack = thrown instanceof Error ? thrown.stack : String(thrown);
    this.#logger.warn(
      `A listener of the application threw on '${event}'; nothing is lost. ${stack}`,
    );
  }
}
