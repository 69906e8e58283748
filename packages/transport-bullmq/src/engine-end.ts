import type {
  RemoteTask,
  RemoteWorkflows,
  TransportHost,
  TransportSink,
} from '@dudousxd/nestjs-durable-core';
import {
  type MessageLimits,
  PROTOCOL_VERSION,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { BadMessages } from './bad-messages.js';
import { ClientCalls } from './client-calls.js';
import type { Control } from './control.js';
import { endsWithin } from './deadline.js';
import type { Keys } from './keys.js';
import { beatOf, livenessOf } from './pace.js';
import { Presence } from './presence.js';
import type { RedisLink } from './redis-link.js';
import { ResultsInbox } from './results-inbox.js';
import { TaskDispatch } from './task-dispatch.js';
import { WorkerRegistry } from './worker-registry.js';
import { WorkflowLines } from './workflow-lines.js';

/** What both ends are made of. */
export interface EndParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly control: Control;
  readonly bad: BadMessages;
  readonly host: TransportHost;
  readonly limits: MessageLimits;
}

const CANCEL_MS = 5_000;
/** What the protocol takes. */
const MAX_REASON_LENGTH = 8_192;

/** The engine's end: sends tasks and cancels, takes answers, knows who serves what. */
export class EngineEnd {
  readonly #parts: EndParts;
  readonly #tasks: TaskDispatch;
  readonly #inbox: ResultsInbox;
  readonly #presence: Presence;
  readonly #registry: WorkerRegistry;
  readonly #lines: WorkflowLines;

  constructor(parts: EndParts, sink: TransportSink) {
    this.#parts = parts;
    const { link, keys, control, bad, host, limits } = parts;
    const { runtime } = host;
    const id = runtime.ids.id();
    const results = keys.results(id);
    const onServed = (steps: readonly string[]) => sink.served?.(steps);
    this.#registry = new WorkerRegistry({
      ...{ link, keys, bad, onServed },
      onWorkflows: (workflows) => sink.workflows?.(workflows),
      onLook: () => this.#lines.workersChanged(),
    });
    this.#lines = new WorkflowLines({
      ...{ link, host, registry: this.#registry, replyTo: results },
      livenessMs: livenessOf(host),
      maxMessageBytes: limits.maxBytes,
      cancel: (taskId, reason) => void this.#tryCancel(taskId, reason),
    });
    this.#tasks = new TaskDispatch({
      link,
      keys,
      registry: this.#registry,
      sink,
      host,
      replyTo: results,
      livenessMs: livenessOf(host),
      maxMessageBytes: limits.maxBytes,
    });
    const calls = new ClientCalls({ link, keys, host, bad, sink });
    this.#inbox = new ResultsInbox({
      ...{ link, keys, engineId: id, sink, host, bad, limits },
      ...{ lines: this.#lines, calls },
    });
    this.#presence = new Presence({
      link,
      runtime,
      id,
      key: keys.engine(id),
      list: keys.engines,
      text: writeMessage<'engine'>({
        v: PROTOCOL_VERSION,
        type: 'engine',
        engine: id,
        startedAt: runtime.clock.now(),
        results,
      }),
      beatMs: beatOf(host),
      onBeat: () => this.#lookAround(),
    });
    control.onWorker(() => this.#lookForWorkers());
  }

  async start(): Promise<void> {
    await this.#presence.begin();
  }

  dispatch(tasks: readonly RemoteTask[]): ReturnType<TaskDispatch['dispatch']> {
    return this.#tasks.dispatch(tasks);
  }

  /** The way to workers that have the code of workflows. */
  get workflows(): RemoteWorkflows {
    return this.#lines;
  }

  async cancel(taskIds: readonly string[], reason: string): Promise<void> {
    const { control, host } = this.#parts;
    const posting = control.post(
      writeMessage<'cancel'>({
        v: PROTOCOL_VERSION,
        type: 'cancel',
        taskIds: [...taskIds],
        reason: reason.slice(0, MAX_REASON_LENGTH),
      }),
    );
    if (await endsWithin(host.runtime, CANCEL_MS, posting)) return posting;
  }

  /** Steps of workflows may take their time to end; answers that have come by then are taken. */
  async close(linesMs: number, resultsMs: number): Promise<void> {
    await this.#presence.end();
    await endsWithin(this.#parts.host.runtime, linesMs, this.#lines.whenIdle());
    await this.#inbox.stop(resultsMs);
    this.#lines.close();
  }

  async #tryCancel(taskId: string, reason: string): Promise<void> {
    try {
      await this.cancel([taskId], reason);
    } catch (error) {
      this.#parts.link.report('Asking a step to stop', error);
    }
  }

  async #lookAround(): Promise<void> {
    await Promise.all([this.#registry.refresh(), this.#inbox.sweep()]);
  }

  #lookForWorkers(): void {
    this.#registry.refresh().catch((error: unknown) => {
      const { logger } = this.#parts.host.runtime;
      logger.debug('Looking for workers failed; the next beat does it.', { error });
    });
  }
}
