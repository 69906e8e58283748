import type { ServedWorkflow } from '@dudousxd/nestjs-durable-core';
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
  /** All workflows that workers have the code of, whenever that has changed. */
  readonly onWorkflows: (workflows: readonly ServedWorkflow[]) => void;
  /** After each look. */
  readonly onLook: () => void;
}

/** A worker that has the code of a workflow. */
export interface WorkflowWorker {
  readonly id: string;
  /** Key of the stream that it reads. */
  readonly inbox: string;
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
  #workflows: ReadonlyMap<string, Workflow> = new Map();
  #there: ReadonlySet<string> = new Set();
  #looking: Promise<void> | undefined;

  constructor(options: WorkerRegistryOptions) {
    this.#options = options;
  }

  queueOf(step: string): string | undefined {
    return this.#served.get(step)?.queue;
  }

  /** Workers that have the code of a workflow. */
  workersOf(name: string, version: string): readonly WorkflowWorker[] {
    return this.#workflows.get(keyOf({ name, version }))?.workers ?? [];
  }

  /** Whether the worker was there at the last look. */
  isThere(worker: string): boolean {
    return this.#there.has(worker);
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
    const workers = await this.#workers();
    this.#served = servedBy(workers);
    this.#there = new Set(workers.map(({ worker }) => worker));
    this.#takeWorkflows(workflowsOf(workers, this.#options.keys));
    const fresh = [...this.#served.keys()].filter((step) => !before.has(step));
    if (fresh.length > 0) this.#options.onServed(fresh);
    this.#options.onLook();
  }

  #takeWorkflows(found: ReadonlyMap<string, Workflow>): void {
    const before = [...this.#workflows.keys()].sort().join();
    this.#workflows = found;
    if ([...found.keys()].sort().join() === before) return;
    this.#options.onWorkflows([...found.values()].map(({ served }) => served));
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

/** A workflow, and who has its code. */
interface Workflow {
  readonly served: ServedWorkflow;
  readonly workers: WorkflowWorker[];
}

function keyOf({ name, version }: ServedWorkflow): string {
  return JSON.stringify([name, version]);
}

/** An inbox elsewhere than where inboxes are is a forger's. */
function workflowsOf(workers: readonly WorkerMessage[], keys: Keys): ReadonlyMap<string, Workflow> {
  const found = new Map<string, Workflow>();
  for (const { worker: id, workflows = [], inbox } of workers) {
    if (inbox === undefined || !inbox.startsWith(keys.inboxOfAll)) continue;
    for (const served of workflows) {
      const key = keyOf(served);
      const known = found.get(key) ?? { served, workers: [] };
      known.workers.push({ id, inbox });
      found.set(key, known);
    }
  }
  return found;
}
