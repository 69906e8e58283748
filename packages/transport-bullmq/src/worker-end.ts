/**
 * The worker's end: takes tasks from the queues, runs them, answers.
 *
 * **W1** A job stays active while its handler runs, so that BullMQ's concurrency and rates hold; it is done when its answer
 *   is in Redis. BullMQ never tries again by itself: attempts are the engine's.
 * **W2** Of jobs that have lost workers before, one begins at a time: what runs beside the culprit is not blamed with it.
 * **W3** A job that cannot be run here goes back to its queue; one that is no task is dropped.
 */
import {
  type AttemptEnd,
  RemoteCrashError,
  type RemoteTask,
  type StepHandler,
  StepWorker,
  SUSPECT_FROM,
  SuspectSlot,
} from '@dudousxd/nestjs-durable-core';
import {
  PROTOCOL_VERSION,
  type ReadResult,
  readMessage,
  type TaskMessage,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import { DelayedError, type Job, WaitingError } from 'bullmq';
import { CancelMemory } from './cancel-memory.js';
import { endsWithin } from './deadline.js';
import type { EndParts } from './engine-end.js';
import { escapePart } from './keys.js';
import type { ResolvedOptions } from './options.js';
import { beatOf, livenessOf, lockOf } from './pace.js';
import { Presence } from './presence.js';
import { planQueues, type QueuePlan } from './queue-plan.js';
import { Replies } from './replies.js';
import { jobIdOf } from './task-dispatch.js';
import { TaskWorker } from './task-worker.js';
import { VERSION } from './version.js';

/** A job that has waited for longer may be of an attempt that is over. */
const FRESH_MS = 60_000;
/** When a job is tried again that this worker does not run now. */
const LATER_MS = 1_000;
/** How long BullMQ may take to end what has nothing left to do. */
const CLOSE_MS = 3_000;
/** How many lost locks are too many is the engine's to say, and the attempt's result: BullMQ is to drop nothing. */
const MAX_STALLED = 1_000_000;

export class WorkerEnd {
  readonly #parts: EndParts;
  readonly #name: string;
  readonly #steps: StepWorker;
  readonly #replies: Replies;
  readonly #presence: Presence;
  readonly #queues: readonly QueuePlan[];
  readonly #cancelled = new CancelMemory();
  readonly #foreign = new Set<string>();
  readonly #suspects: SuspectSlot;
  readonly #startedAt: number;
  #isClosing = false;
  #workers: readonly TaskWorker[] = [];

  constructor(
    parts: EndParts,
    served: { readonly handlers: readonly StepHandler[]; readonly worker: string },
    options: ResolvedOptions,
  ) {
    this.#parts = parts;
    this.#name = served.worker;
    const { link, keys, host, control, limits } = parts;
    this.#steps = new StepWorker({ ...served, host });
    this.#suspects = new SuspectSlot(host.runtime.clock);
    this.#replies = new Replies({ link, host, maxMessageBytes: limits.maxBytes });
    this.#queues = planQueues(
      served.handlers.map(({ name }) => name),
      options,
    );
    const { runtime } = host;
    this.#startedAt = runtime.clock.now();
    this.#presence = new Presence({
      link,
      runtime,
      id: this.#name,
      key: keys.worker(this.#name),
      list: keys.workers,
      text: this.#announcement(this.#queues),
      beatMs: beatOf(host),
    });
    control.onCancel(({ taskIds, reason }) => {
      this.#cancelled.add(taskIds, reason);
      this.#steps.cancel(taskIds, reason);
    });
  }

  async start(): Promise<void> {
    this.#workers = this.#queues.map((queue) => this.#open(queue));
    await this.#presence.begin();
    await this.#tell(this.#queues);
  }

  async close(timeoutMs: number): Promise<void> {
    const { runtime } = this.#parts.host;
    this.#isClosing = true;
    await Promise.all(this.#workers.map((worker) => worker.pause(true)));
    await this.#presence.end();
    await this.#tell([]);
    await this.#steps.close(timeoutMs);
    const closed = Promise.all(this.#workers.map((worker) => worker.close()));
    await endsWithin(runtime, CLOSE_MS, closed);
  }

  #open({ queue, concurrency, limiter }: QueuePlan): TaskWorker {
    const { link, keys, host } = this.#parts;
    const { lockMs, stalledMs } = lockOf(host);
    const run = (job: Job<string>, lock?: string) => this.#run(queue, job, lock);
    const worker = new TaskWorker(escapePart(queue), run, {
      connection: link.commands,
      prefix: keys.tasks,
      name: this.#name,
      concurrency,
      ...(limiter === undefined
        ? {}
        : { limiter: { max: limiter.max, duration: limiter.durationMs } }),
      lockDuration: lockMs,
      stalledInterval: stalledMs,
      maxStalledCount: MAX_STALLED,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      skipVersionCheck: true,
    });
    worker.on('error', (error) => {
      link.report(`BullMQ, queue '${queue}'`, error);
    });
    return worker;
  }

  async #run(queue: string, job: Job<string>, lock: string | undefined): Promise<void> {
    const read = this.#read(job.data);
    if (!read.ok) {
      this.#parts.bad.drop(queue, read.refusal);
      return;
    }
    const { message } = read;
    // One that BullMQ was about to take when the worker began to close.
    if (this.#isClosing) await this.#handBack(job, lock);
    if (!(await this.#isWanted(job, message))) return;
    if (!this.#steps.serves(message.step)) await this.#handOn(queue, message.step, job, lock);
    const isSuspect = job.stalledCounter >= SUSPECT_FROM;
    if (isSuspect && !this.#suspects.enter(message.taskId)) await this.#putOff(job, lock);
    const over = this.#begin(job, message);
    const reason = this.#cancelled.reasonOf(message.taskId);
    if (reason !== undefined) this.#steps.cancel([message.taskId], reason);
    const end = await over;
    this.#suspects.leave(message.taskId);
    if (end !== 'reported') await this.#handBack(job, lock);
  }

  /** Runs the attempt, unless it has lost too many of its workers: BullMQ counts the locks that nobody extended. */
  #begin(job: Job, message: TaskMessage): Promise<AttemptEnd> | undefined {
    const task = toRemoteTask(message);
    const sink = this.#replies.sinkOf(message);
    const { stalledCounter: crashes } = job;
    if (crashes < (message.maxCrashes ?? Number.POSITIVE_INFINITY)) {
      const livenessMs = Math.min(message.livenessMs, livenessOf(this.#parts.host));
      return this.#steps.run(task, sink, livenessMs);
    }
    const { step, attempt, runId, taskId } = message;
    const error = new RemoteCrashError({ step, attempt, crashes });
    this.#parts.host.runtime.logger.error(error.message, { runId, taskId });
    return this.#steps.refuse(task, sink, error);
  }

  /** This worker closes: somebody else may begin at once. */
  async #handBack(job: Job, lock: string | undefined): Promise<never> {
    await job.moveToWait(lock);
    throw new WaitingError();
  }

  /** Engines ask again, all the time, for what they wait for. */
  async #isWanted(job: Job, { taskId, attempt }: TaskMessage): Promise<boolean> {
    const { link, keys, host } = this.#parts;
    if (host.runtime.clock.now() - job.timestamp < FRESH_MS) return true;
    const asked = await link.commands.zscore(keys.wanted, jobIdOf(taskId, attempt));
    if (asked === null) {
      const message = 'A task was dropped: it is old, and no engine asks for it any more.';
      host.runtime.logger.info(message, { taskId, attempt });
    }
    return asked !== null;
  }

  /** Also what a forger may want: answers to keys that are none of the protocol's, tasks of others. */
  #read(text: string): ReadResult<'task'> {
    const { limits, keys, host } = this.#parts;
    const read = readMessage(text, ['task'], limits);
    if (!read.ok) return read;
    const { replyTo, namespace } = read.message;
    const invalid = (detail: string): ReadResult<'task'> => ({
      ok: false,
      refusal: { kind: 'invalid', detail },
    });
    if (!replyTo.startsWith(keys.resultsOfAll))
      return invalid("field 'replyTo' is no results stream");
    if (namespace !== host.namespace) return invalid("field 'namespace' is not ours");
    return read;
  }

  async #handOn(queue: string, step: string, job: Job, lock: string | undefined): Promise<never> {
    const { runtime } = this.#parts.host;
    const key = `${queue} ${step}`;
    if (!this.#foreign.has(key)) {
      this.#foreign.add(key);
      const message = `Queue '${queue}' has tasks of step '${step}', which this worker does not serve; it leaves them to others. All workers of a queue should serve the same steps.`;
      runtime.logger.warn(message, { queue, step });
    }
    return this.#putOff(job, lock);
  }

  /** Whoever takes it then may run it. */
  async #putOff(job: Job, lock: string | undefined): Promise<never> {
    await job.moveToDelayed(this.#parts.host.runtime.clock.now() + LATER_MS, lock);
    throw new DelayedError();
  }

  /** A hint: engines look by themselves, too. */
  async #tell(queues: readonly QueuePlan[]): Promise<void> {
    const { control, host, link } = this.#parts;
    if (!link.isReady) return;
    await endsWithin(host.runtime, CLOSE_MS, control.post(this.#announcement(queues)));
  }

  #announcement(queues: readonly QueuePlan[]): string {
    return writeMessage<'worker'>({
      v: PROTOCOL_VERSION,
      type: 'worker',
      worker: this.#name,
      startedAt: this.#startedAt,
      sdk: { name: 'node', version: VERSION },
      steps: queues.flatMap(({ queue, steps }) => steps.map((name) => ({ name, queue }))),
    });
  }
}

function toRemoteTask(message: TaskMessage): RemoteTask {
  const { taskId, namespace, runId, branch, position, attempt, step, token, input } = message;
  return {
    id: taskId,
    namespace,
    runId,
    branch,
    position,
    attempt,
    step,
    token,
    input,
    idempotencyKey: message.idempotencyKey,
    timeoutMs: message.timeoutMs ?? null,
    heartbeatTimeoutMs: message.heartbeatTimeoutMs ?? null,
    priority: 0,
    progress: message.progress ?? null,
  };
}
