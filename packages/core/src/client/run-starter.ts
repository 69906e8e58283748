/** Starts runs: idempotent by id, conflicts detected, many starts in one call to the store. */
import { inputDigest } from '../codec/digest.js';
import { AGAIN, type Again, type Batcher } from '../commit/batcher.js';
import type { StartOptions, StartResult } from '../engine-types.js';
import {
  InvalidArgumentError,
  RunConflictError,
  RunIdBusyError,
  UnknownWorkflowError,
} from '../errors/errors.js';
import { requireName, requireRunId } from '../model/ids.js';
import type { NewRun, RunRecord } from '../model/run.js';
import type { Settings } from '../settings.js';
import type { CreateOutcome, StateStore } from '../store/state-store.js';
import type { ResolvedWorkflow } from '../workflow/context-host.js';
import { parseDuration } from '../workflow/duration.js';
import type { Registry } from '../workflow/registry.js';

/** A run to be created, and the worker it is created for, if any. */
export interface Start {
  readonly run: NewRun;
  readonly claim: string | null;
  /** When it was asked for, on the monotonic clock. */
  readonly since: number;
}

/**
 * The answers to starts that a transaction of others holds up: to be asked for again, but not for ever, as that transaction
 * may be the caller's own.
 *
 * @param now on the monotonic clock
 * @param limitMs how long they wait in all
 */
export function againWhileBusy(
  starts: readonly Start[],
  answers: readonly CreateOutcome[],
  now: number,
  limitMs: number,
): readonly (CreateOutcome | Again)[] {
  return answers.map((answer, i) => {
    const start = starts[i];
    const goesOn =
      answer.outcome === 'busy' && start !== undefined && !isOverdue(start, now, limitMs);
    return goesOn ? AGAIN : answer;
  });
}

function isOverdue({ since }: Start, now: number, limitMs: number): boolean {
  return now - since >= limitMs;
}

export interface RunStarterOptions {
  readonly store: StateStore;
  readonly settings: Settings;
  readonly registry: Registry;
  readonly starts: Batcher<Start, CreateOutcome>;
  /** Takes starts that were busy, until they have been for `busyTimeout`. */
  readonly heldStarts: Batcher<Start, CreateOutcome>;
  /** The worker under which the run may start here at once. */
  readonly claimant: (workflow: string, version: string) => string | null;
  readonly onCreated: (run: RunRecord) => void;
  /** A run will be there when a transaction of the application commits. */
  readonly onCreatedIn: (runId: string) => void;
  /** A start whose answer was lost has been found: the run may be owned here without anybody knowing. */
  readonly onFoundOwn: () => void;
}

export class RunStarter {
  private readonly options: RunStarterOptions;
  /** Starts without an answer, by run id: several of one id may be under way, and any of them may be the one that creates. */
  private readonly underWay = new Map<string, Set<Start>>();

  constructor(options: RunStarterOptions) {
    this.options = options;
  }

  async start(workflow: unknown, input: unknown, options: StartOptions = {}): Promise<StartResult> {
    const target =
      this.findHere(workflow, options) ?? (await this.findElsewhere(workflow, options));
    const run = this.newRun(target, input, options);
    const claim = run.startAt === null ? this.options.claimant(run.workflow, run.version) : null;
    const answer = await this.submit({ run, claim, since: this.now() });
    if (answer.outcome === 'busy')
      throw new RunIdBusyError({ runId: run.id, waitedMs: this.options.settings.busyTimeoutMs });
    if (answer.outcome === 'existing') return this.existing(answer.run, run, options);
    this.options.onCreated(answer.run);
    return { runId: run.id, status: 'pending', created: true };
  }

  /**
   * Creates a run inside an open transaction of the application. On a synchronous driver all of it happens in this call, if
   * the workflow is registered here: it throws instead of rejecting, so that the transaction is rolled back.
   */
  startIn(
    transaction: unknown,
    workflow: unknown,
    input: unknown,
    options: StartOptions,
  ): Promise<StartResult> {
    const target = this.findHere(workflow, options);
    if (target !== undefined) return this.createIn(transaction, target, input, options);
    return this.findElsewhere(workflow, options).then((found) =>
      this.createIn(transaction, found, input, options),
    );
  }

  private createIn(
    transaction: unknown,
    target: ResolvedWorkflow,
    input: unknown,
    options: StartOptions,
  ): Promise<StartResult> {
    const run = this.newRun(target, input, options);
    const toResult = ([answer]: readonly CreateOutcome[]): StartResult => {
      if (answer?.outcome === 'existing') return this.existing(answer.run, run, options);
      this.options.onCreatedIn(run.id);
      return { runId: run.id, status: 'pending', created: true };
    };
    const answers = this.options.store.createRunsIn(transaction, [run]);
    return answers instanceof Promise ? answers.then(toResult) : Promise.resolve(toResult(answers));
  }

  /**
   * Whether the run is being created: the answer will say who owns it, and only then may it be taken in.
   *
   * @param seed of the run that is there; absent = any of that id
   */
  isStarting(runId: string, seed?: string): boolean {
    const starts = this.underWay.get(runId);
    if (starts === undefined || seed === undefined) return starts !== undefined;
    return [...starts].some(({ run }) => run.seed === seed);
  }

  /** Runs that are being created for this process to execute at once. */
  get claimedUnderWay(): number {
    let count = 0;
    for (const starts of this.underWay.values()) {
      for (const { claim } of starts) if (claim !== null) count += 1;
    }
    return count;
  }

  private now(): number {
    return this.options.settings.runtime.clock.monotonic();
  }

  private async submit(start: Start): Promise<CreateOutcome> {
    const { id } = start.run;
    const sameId = this.underWay.get(id) ?? new Set();
    this.underWay.set(id, sameId.add(start));
    try {
      const answer = await this.options.starts.submit(start);
      const { busyTimeoutMs } = this.options.settings;
      if (answer.outcome !== 'busy' || isOverdue(start, this.now(), busyTimeoutMs)) return answer;
      return await this.options.heldStarts.submit(start);
    } finally {
      sameId.delete(start);
      if (sameId.size === 0) this.underWay.delete(id);
    }
  }

  private newRun(
    { name, version }: ResolvedWorkflow,
    input: unknown,
    options: StartOptions,
  ): NewRun {
    const { settings } = this.options;
    const { ids } = settings.runtime;
    const encoded = settings.codec.encode(input, `input of workflow '${name}'`);
    const { runId, timeout, startAt } = options;
    return {
      id: runId === undefined ? ids.id() : requireRunId(runId, 'runId'),
      namespace: settings.namespace,
      workflow: name,
      version,
      input: encoded,
      inputDigest: inputDigest(encoded),
      seed: ids.secret(),
      parent: null,
      tags: requireTags(options.tags ?? []),
      priority: requirePriority(options.priority ?? 0),
      startAt: startAt === undefined ? null : requireTime(startAt, 'startAt'),
      timeoutMs: timeout === undefined ? null : parseDuration(timeout, 'timeout'),
    };
  }

  /** The same start twice is one run; another start under its id is a conflict. */
  private existing(found: RunRecord, asked: NewRun, options: StartOptions): StartResult {
    if (found.seed === asked.seed) {
      this.options.onFoundOwn();
      return { runId: found.id, status: 'pending', created: true };
    }
    const differs = (what: 'workflow' | 'version', existing: string, wanted: string) =>
      new RunConflictError({ runId: asked.id, differs: what, existing, asked: wanted });
    if (found.workflow !== asked.workflow || found.namespace !== asked.namespace) {
      throw differs('workflow', found.workflow, asked.workflow);
    }
    if (options.version !== undefined && found.version !== asked.version) {
      throw differs('version', found.version, asked.version);
    }
    if (found.inputDigest !== asked.inputDigest)
      throw new RunConflictError({ runId: asked.id, differs: 'input' });
    return { runId: found.id, status: 'pending', created: false };
  }

  /** What a workflow is that this process can execute. */
  private findHere(workflow: unknown, { version }: StartOptions): ResolvedWorkflow | undefined {
    const { registry } = this.options;
    const target = registry.resolve(workflow, version);
    if (target === null) return undefined;
    return registry.serves(target.name, target.version) ? target : undefined;
  }

  /** What a workflow is that others serve, or have ever served. */
  private async findElsewhere(
    workflow: unknown,
    { version }: StartOptions,
  ): Promise<ResolvedWorkflow> {
    const target =
      this.options.registry.resolve(workflow, version) ?? (await this.resolveElsewhere(workflow));
    await this.requireKnown(target);
    return target;
  }

  /** A name without a version that this process does not serve: the highest version that live workers announce. */
  private async resolveElsewhere(workflow: unknown): Promise<ResolvedWorkflow> {
    const { store, settings, registry } = this.options;
    const name = requireName(workflow, 'workflow');
    const served = await store.listServed(settings.namespace);
    const versions = served
      .filter((key) => key.startsWith(`${name}@`))
      .map((key) => key.slice(name.length + 1));
    const version = versions.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0];
    if (version !== undefined) return { name, version };
    if (await store.isKnownWorkflow(settings.namespace, name)) {
      const todo = `No live process serves the workflow '${name}', so its version cannot be chosen: pass it.`;
      throw new InvalidArgumentError({ field: 'version', received: version, todo });
    }
    throw new UnknownWorkflowError({ workflow: name, known: registry.workflowNames() });
  }

  private async requireKnown({ name, version }: ResolvedWorkflow): Promise<void> {
    const { registry, store, settings } = this.options;
    if (await store.isKnownWorkflow(settings.namespace, name)) return;
    throw new UnknownWorkflowError({ workflow: name, version, known: registry.workflowNames() });
  }
}

function requireTags(tags: readonly string[]): readonly string[] {
  if (!Array.isArray(tags)) {
    throw new InvalidArgumentError({
      field: 'tags',
      received: tags,
      todo: 'Pass an array of names.',
    });
  }
  return tags.map((tag, index) => requireName(tag, `tags[${index}]`));
}

function requirePriority(priority: number): number {
  if (Number.isSafeInteger(priority) && Math.abs(priority) <= MAX_PRIORITY) return priority;
  const todo = `Pass a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}.`;
  throw new InvalidArgumentError({ field: 'priority', received: priority, todo });
}

const MAX_PRIORITY = 1_000_000;

function requireTime(time: Date, field: string): number {
  if (time instanceof Date && !Number.isNaN(time.getTime())) return time.getTime();
  throw new InvalidArgumentError({ field, received: time, todo: 'Pass a valid Date.' });
}
