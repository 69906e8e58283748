import { readMessage, type WorkerMessage } from '@dudousxd/nestjs-durable-protocol';
import type { BadMessages } from './bad-messages.js';
import type { Keys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** Where the registry is, and who wants to know of changes. */
export interface WorkerRegistryOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly bad: BadMessages;
  /** Steps that are served and were not at the last look. */
  readonly onServed: (steps: readonly string[]) => void;
}

/** A step that is served, and by which queue its tasks go. */
export interface ServedStep {
  readonly queue: string;
  readonly startedAt: number;
}

/**
 * Who serves what, as workers announce it. A copy that is as old as the last look; `refresh` looks again. Where workers
 * disagree on the queue of a step, that of the youngest holds: a new release has moved it.
 */
export class WorkerRegistry {
  readonly #options: WorkerRegistryOptions;
  #served: ReadonlyMap<string, ServedStep> = new Map();
  #looking: Promise<void> | undefined;

  constructor(options: WorkerRegistryOptions) {
    this.#options = options;
  }

  queueOf(step: string): string | undefined {
    return this.#served.get(step)?.queue;
  }

  /** Looks in Redis. Of calls at the same time one looks for all, beginning after the call. */
  async refresh(): Promise<void> {
    // One that is under way may have read before the caller's reason to ask; whether it fails is not ours.
    await Promise.allSettled([this.#looking]);
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #look(): Promise<void> {
    const before = this.#served;
    this.#served = servedBy(await this.#workers());
    const fresh = [...this.#served.keys()].filter((step) => !before.has(step));
    if (fresh.length > 0) this.#options.onServed(fresh);
  }

  async #workers(): Promise<readonly WorkerMessage[]> {
    const { link, keys, bad } = this.#options;
    const ids = await link.commands.zrange(keys.workers, '0', '-1');
    if (ids.length === 0) return [];
    const texts = await link.commands.mget(ids.map((id) => keys.worker(id)));
    const gone = ids.filter((_id, index) => texts[index] === null);
    if (gone.length > 0) await link.commands.zrem(keys.workers, ...gone);
    return texts.flatMap((text) => {
      if (text === null || text === undefined) return [];
      const read = readMessage(text, ['worker']);
      if (read.ok) return [read.message];
      bad.drop('workers', read.refusal);
      return [];
    });
  }
}

function servedBy(workers: readonly WorkerMessage[]): ReadonlyMap<string, ServedStep> {
  const served = new Map<string, ServedStep>();
  for (const { startedAt, steps } of workers.toSorted((a, b) => a.startedAt - b.startedAt))
    for (const { name, queue } of steps) served.set(name, { queue, startedAt });
  return served;
}
