import {
  type DispatchOutcome,
  PayloadTooLargeError,
  type RemoteTask,
  type TransportHost,
  type TransportSink,
} from '@dudousxd/nestjs-durable-core';
import {
  byteLength,
  type MessageInput,
  PROTOCOL_VERSION,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import { Queue } from 'bullmq';
import { endsWithin } from './deadline.js';
import { escapePart, type Keys } from './keys.js';
import { RedisAwayError, type RedisLink } from './redis-link.js';
import type { WorkerRegistry } from './worker-registry.js';

/** What tasks are sent with. */
export interface TaskDispatchOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly registry: WorkerRegistry;
  readonly sink: TransportSink;
  readonly host: TransportHost;
  /** Key of the stream that answers are wanted on. */
  readonly replyTo: string;
  readonly livenessMs: number;
  readonly maxMessageBytes: number;
}

/** How long Redis may take to take a batch. */
const DISPATCH_MS = 10_000;

/** How long an attempt that nobody asks for again is remembered. Longer than any lease, as long as a cancel. */
const WANTED_MS = 3_600_000;

/** Id of an attempt's job, for BullMQ and in the set of wanted attempts. */
export function jobIdOf(taskId: string, attempt: number): string {
  return `${taskId}.${attempt}`;
}

/** BullMQ's range of priorities, the smallest first; 0 would come before all others. */
const MAX_PRIORITY = 2 ** 21 - 1;
const MIDDLE_PRIORITY = 2 ** 20;

/** JSON writes a character of a string in at most six. */
const MAX_ESCAPE = 6;

/** The run's priority, larger first, as BullMQ counts. */
export function toBullPriority(priority: number): number {
  const shifted = MIDDLE_PRIORITY - Math.round(priority);
  return Math.min(MAX_PRIORITY, Math.max(1, Number.isNaN(shifted) ? MIDDLE_PRIORITY : shifted));
}

/**
 * Puts tasks into the queues of those who serve them. A job's id is that of the attempt: while its job is in the queue or
 * runs, a second dispatch of the attempt adds nothing, but says that it is still wanted: a job that nobody has asked for
 * in an hour is of an attempt that is over.
 */
export class TaskDispatch {
  readonly #options: TaskDispatchOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: TaskDispatchOptions) {
    this.#options = options;
  }

  /** @throws RedisAwayError when Redis does not take them soon */
  async dispatch(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]> {
    const { link, host } = this.#options;
    if (tasks.length === 0) return [];
    if (!link.isReady) throw new RedisAwayError('Redis cannot be reached.');
    const sending = this.#send(tasks);
    if (await endsWithin(host.runtime, DISPATCH_MS, sending)) return sending;
    throw new RedisAwayError(`Redis has not taken ${tasks.length} tasks in ${DISPATCH_MS} ms.`);
  }

  async #send(tasks: readonly RemoteTask[]): Promise<readonly DispatchOutcome[]> {
    const { registry } = this.#options;
    if (tasks.some(({ step }) => registry.queueOf(step) === undefined)) await registry.refresh();
    // Looked up once: the registry may change while we send.
    const queueOf = tasks.map(({ step }) => registry.queueOf(step));
    const byQueue = Map.groupBy(tasks.keys(), (index) => queueOf[index]);
    const sends = [...byQueue].map(async ([queue, indexes]) => {
      if (queue !== undefined)
        await this.#add(
          queue,
          indexes.flatMap((index) => tasks[index] ?? []),
        );
    });
    const sent = tasks.filter((_task, index) => queueOf[index] !== undefined);
    await Promise.all([this.#want(sent), ...sends]);
    return queueOf.map((queue) => (queue === undefined ? 'unserved' : 'dispatched'));
  }

  async #want(tasks: readonly RemoteTask[]): Promise<void> {
    if (tasks.length === 0) return;
    const { link, keys, host } = this.#options;
    const now = host.runtime.clock.now();
    const members = tasks.flatMap(({ id, attempt }) => [now, jobIdOf(id, attempt)]);
    const replies = await link.commands
      .pipeline()
      .zremrangebyscore(keys.wanted, '-inf', now - WANTED_MS)
      .zadd(keys.wanted, ...members)
      .exec();
    const failure = replies?.find(([error]) => error !== null);
    if (failure !== undefined) throw failure[0];
  }

  async #add(queue: string, tasks: readonly RemoteTask[]): Promise<void> {
    const jobs = tasks.flatMap((task) => {
      const data = this.#message(task);
      if (this.#isTooLarge(task, data)) return [];
      const jobId = jobIdOf(task.id, task.attempt);
      const priority = toBullPriority(task.priority);
      const opts = { jobId, priority, removeOnComplete: true, removeOnFail: true };
      return [{ name: task.step, data, opts }];
    });
    if (jobs.length > 0) await this.#queue(queue).addBulk(jobs);
  }

  #message(task: RemoteTask): MessageInput<'task'> {
    const { replyTo, livenessMs, host } = this.#options;
    const { id, runId, branch, position, attempt, step, input, idempotencyKey } = task;
    return {
      v: PROTOCOL_VERSION,
      type: 'task',
      taskId: id,
      token: task.token,
      replyTo,
      namespace: task.namespace,
      runId,
      branch,
      position,
      attempt,
      step,
      input,
      idempotencyKey,
      livenessMs,
      ...(host.maxCrashes === undefined ? {} : { maxCrashes: host.maxCrashes }),
      ...(task.timeoutMs === null ? {} : { timeoutMs: Math.ceil(task.timeoutMs) }),
      ...(task.heartbeatTimeoutMs === null
        ? {}
        : { heartbeatTimeoutMs: Math.ceil(task.heartbeatTimeoutMs) }),
      ...(task.progress === null ? {} : { progress: task.progress }),
    };
  }

  /** No worker would read it: the attempt has failed here and now. */
  #isTooLarge(task: RemoteTask, message: MessageInput<'task'>): boolean {
    const { maxMessageBytes, host, sink } = this.#options;
    const length = task.input.length + (task.progress?.length ?? 0);
    if ((length + 4_096) * MAX_ESCAPE <= maxMessageBytes) return false;
    const bytes = byteLength(writeMessage(message));
    if (bytes <= maxMessageBytes) return false;
    const field = `the message of remote step '${task.step}' (maxMessageBytes of the transport)`;
    const error = new PayloadTooLargeError({ field, bytes, limit: maxMessageBytes });
    const payload = host.codec.encodeError(error);
    const result = { attempt: task.attempt, ok: false, payload, worker: '', startedAt: null };
    sink.result({ taskId: task.id, token: task.token, result }).catch((reason: unknown) => {
      host.runtime.logger.warn('A failed dispatch was not recorded; it will be tried again.', {
        taskId: task.id,
        error: reason,
      });
    });
    return true;
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const { link, keys } = this.#options;
    const queue = new Queue(escapePart(name), {
      connection: link.commands,
      prefix: keys.tasks,
      skipVersionCheck: true,
      skipMetasUpdate: true,
    });
    queue.on('error', (error) => {
      link.report(`BullMQ, queue '${name}'`, error);
    });
    this.#queues.set(name, queue);
    return queue;
  }
}
