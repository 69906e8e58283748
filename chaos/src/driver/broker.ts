/** The driver's own way to Redis: past the proxies, and used to its absence. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { redisOptions } from '../app/redis-connection.js';
import type { RemoteWork } from '../app/remote-steps.js';
import { codec } from '../oracle/evidence.js';
import type { Random } from '../program/random.js';
import type { TaskRow } from './database.js';
import { attemptName } from './fault-log.js';

/** The transport's, by default. */
const BASE = 'durable:default';
const SITES = ['any', 'node', 'python'] as const;
/** Attempts that are over, and whose answers are sent again. */
const MAX_REMEMBERED = 300;
const MAX_STALE = 20;
/** Attempts of one look at the outbox that answers are forged for. */
const MAX_FORGED = 10;
const MAX_DUPLICATES = 5;
/** A job of the engine's or of ours, or its lock: the rest of a queue's keys stay. */
const JOB = /:([^:]+\.\d+|again-[^:]+)(:lock)?$/;

/** An answer, but for whom it is of. */
type Claim = Pick<TaskRow, 'id' | 'token' | 'attempt' | 'input'>;

export class Broker {
  readonly #redis: Redis;
  readonly #queues: readonly Queue[];
  readonly #random: Random;
  /** Every attempt that the outbox was seen with, and that may be over by now. */
  readonly #seen = new Map<string, TaskRow>();
  /** Answers that were forged, and jobs that were put there once more. */
  forged = 0;
  duplicated = 0;

  constructor(url: string, random: Random) {
    this.#random = random;
    const options = { ...redisOptions(url), maxRetriesPerRequest: null, protocol: 2 } as const;
    this.#redis = new Redis({ ...options, replyMapping: 'legacy' });
    // It is killed now and then; commands wait for it.
    this.#redis.on('error', () => {});
    this.#queues = SITES.map((site) => {
      const queue = new Queue(`chaos.${site}`, {
        ...{ connection: this.#redis, prefix: `${BASE}:task` },
        ...{ skipVersionCheck: true, skipMetasUpdate: true },
      });
      return queue.on('error', () => {});
    });
  }

  async flush(): Promise<void> {
    await this.#redis.flushall();
  }

  /**
   * Answers that must not count, to a living engine: of attempts that run, with another's token or under another number;
   * and of attempts that are over, as they were.
   *
   * @param tasks all that is in the outbox: what is not, and was, is over for good
   */
  async forge(tasks: readonly TaskRow[]): Promise<void> {
    const [stream] = await this.#streams();
    if (stream === undefined) return;
    const begin = this.#random.between(0, Math.max(0, tasks.length - MAX_FORGED));
    const some = tasks.slice(begin, begin + MAX_FORGED);
    const claims = some.flatMap((task, i): readonly Claim[] => [
      { ...task, token: randomBytes(16).toString('hex') },
      { ...task, token: some[(i + 1) % some.length]?.token ?? '' },
      { ...task, attempt: task.attempt + 1 },
      ...(task.attempt === 1 ? [] : [{ ...task, attempt: task.attempt - 1 }]),
    ]);
    const real = new Set(tasks.map(({ id, token, attempt }) => `${id} ${token} ${attempt}`));
    const wrong = claims.filter(({ id, token, attempt }) => !real.has(`${id} ${token} ${attempt}`));
    const messages = [...wrong, ...this.#stale(tasks)].map((claim) => this.#answer(claim));
    if (messages.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const message of messages) pipeline.xadd(stream, '*', 'm', message);
    await pipeline.exec();
    this.forged += messages.length;
  }

  /** Attempts of the past; the tasks of now are those of a later look. */
  #stale(tasks: readonly TaskRow[]): readonly Claim[] {
    const now = new Set(tasks.map(({ id }) => id));
    const over = [...this.#seen.values()].filter(({ id }) => !now.has(id)).slice(-MAX_STALE);
    for (const task of tasks) this.#seen.set(task.id, task);
    for (const id of this.#seen.keys()) {
      if (this.#seen.size <= MAX_REMEMBERED) break;
      this.#seen.delete(id);
    }
    return over;
  }

  #answer({ id, token, attempt, input }: Claim): string {
    const { key } = codec.decode(input) as RemoteWork;
    const ok = this.#random.chance(0.5);
    const error = { class: 'durable/FatalError', name: 'FatalError', message: 'forged' };
    const failure = { $error: { ...error, props: { code: 'FATAL', fields: {} } } };
    const payload = JSON.stringify(ok ? { key, attempt, token: 'forged' } : failure);
    const whose = { taskId: id, token, attempt };
    return JSON.stringify({ v: 1, type: 'result', ...whose, ok, payload, worker: 'forger' });
  }

  /** Puts a few jobs beside themselves, and a few answers. Answers which attempts run twice by that. */
  async duplicate(): Promise<ReadonlySet<string>> {
    const attempts = new Set<string>();
    for (const queue of this.#queues) {
      const jobs = await queue.getJobs(['prioritized', 'active'], 0, MAX_DUPLICATES);
      for (const { name, data, opts } of jobs.filter((job) => job?.data)) {
        const { run, key } = codec.decode(data.input) as RemoteWork;
        attempts.add(attemptName(run, key, data.attempt));
        const jobId = `again-${randomBytes(8).toString('hex')}`;
        await queue.add(name, data, { ...opts, jobId });
      }
    }
    this.duplicated += attempts.size + (await this.#repeatAnswers());
    return attempts;
  }

  async #repeatAnswers(): Promise<number> {
    let repeated = 0;
    for (const stream of await this.#streams()) {
      for (const [, fields] of await this.#redis.xrange(
        stream,
        '-',
        '+',
        'COUNT',
        MAX_DUPLICATES,
      )) {
        await this.#redis.xadd(stream, '*', ...fields);
        repeated += 1;
      }
    }
    return repeated;
  }

  /** What engines that live read, in a random order. */
  async #streams(): Promise<readonly string[]> {
    const ids = await this.#redis.zrange(`${BASE}:engines`, '0', '-1');
    const alive = await Promise.all(ids.map((id) => this.#redis.exists(`${BASE}:engine:${id}`)));
    const streams = ids.filter((_id, i) => alive[i] === 1).map((id) => `${BASE}:results:${id}`);
    if (streams.length < 2) return streams;
    const first = this.#random.pick(streams);
    return [first, ...streams.filter((stream) => stream !== first)];
  }

  /** Waits until nothing of the runs is left; answers what is left when the time is up. */
  async whenDrained(timeoutMs: number): Promise<readonly string[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = await this.#leftovers();
      if (left.length === 0 || performance.now() > deadline) return left;
      await delay(250);
    }
  }

  async #leftovers(): Promise<readonly string[]> {
    const left: string[] = [];
    const living = new Set(await this.#streams());
    for (const stream of await this.#redis.keys(`${BASE}:results:*`)) {
      const length = await this.#redis.xlen(stream);
      const expires = (await this.#redis.pttl(stream)) > 0;
      // What was sent to an engine that a flushed Redis no longer knows is read by nobody, and ends by itself.
      if (length > 0 && (living.has(stream) || !expires)) left.push(`${length} in ${stream}`);
    }
    for (const queue of this.#queues) {
      for (const [state, count] of Object.entries(await queue.getJobCounts())) {
        if (count > 0) left.push(`${count} ${state} in ${queue.name}`);
      }
      const keys = await this.#redis.keys(`${BASE}:task:${queue.name}:*`);
      const jobs = keys.filter((key) => JOB.test(key));
      if (jobs.length > 0) left.push(`${jobs.length} keys of jobs, such as ${jobs[0]}`);
    }
    return left;
  }

  close(): void {
    this.#redis.disconnect();
  }
}
