/**
 * Named regions: `ctx.all`, `ctx.race`, `ctx.map` and `ctx.scope`. They are ordinary promise code over operations, so
 * they replay like any other; what they add is the `group` of each operation, bounded concurrency, and withdrawal of a
 * race's losers. Which branch an operation belongs to is carried along by Node (place.ts), as the code may await helpers.
 */
import { InvalidArgumentError } from '../errors/errors.js';
import type { OperationGroup } from '../model/history.js';
import type { Coroutine } from '../replay/coroutine.js';
import type { RegionOptions } from './context.js';
import { groupOf, runIn } from './place.js';

type Branch<T> = () => Promise<T>;

/** The regions of one activation of a workflow. */
export class Regions {
  private readonly coroutine: Coroutine;
  /** Regions are numbered in the order in which the code enters them, which replays. */
  private entered = 0;
  /** The branch around each region, for what a race withdraws. */
  private readonly around = new Map<string, string>();
  /** Branches that lost a race: they go no further. */
  private readonly lost = new Set<string>();

  constructor(coroutine: Coroutine) {
    this.coroutine = coroutine;
  }

  /** The innermost region of the code that asks now. */
  currentGroup(): OperationGroup | null {
    return this.entered === 0 ? null : groupOf(this.coroutine);
  }

  async all(
    name: string,
    branches: readonly Branch<unknown>[],
    options?: RegionOptions,
  ): Promise<unknown[]> {
    const region = this.enter(name, 'all');
    return this.bounded(branches.length, options, (index) =>
      region(index, requireBranch(branches[index], index)),
    );
  }

  async map<T, R>(
    name: string,
    items: readonly T[],
    fn: (item: T, index: number) => Promise<R>,
    options?: RegionOptions,
  ): Promise<R[]> {
    const region = this.enter(name, 'map');
    const fixed = [...items];
    return this.bounded(fixed.length, options, (index) =>
      region(index, async () => fn(fixed[index] as T, index)),
    );
  }

  scope<T>(name: string, fn: Branch<T>): Promise<T> {
    return this.enter(name, 'scope')(0, fn);
  }

  race(name: string, branches: readonly Branch<unknown>[]): Promise<unknown> {
    if (branches.length === 0) {
      const todo = 'Pass at least one branch: a race of none never ends.';
      throw new InvalidArgumentError({ field: 'branches', received: branches, todo });
    }
    const region = this.enter(name, 'race');
    const id = String(this.entered);
    return new Promise((resolve, reject) => {
      let open = true;
      const settle = (winner: number, deliver: () => void) => {
        if (!open) return;
        open = false;
        this.withdrawLosers(id, winner, branches.length);
        deliver();
      };
      branches.forEach((branch, index) => {
        region(index, requireBranch(branch, index)).then(
          (value) => settle(index, () => resolve(value)),
          (error: unknown) => settle(index, () => reject(error)),
        );
      });
    });
  }

  private enter(
    name: string,
    mode: OperationGroup['mode'],
  ): <T>(branch: number, fn: Branch<T>) => Promise<T> {
    this.entered += 1;
    const id = String(this.entered);
    const around = this.currentGroup();
    if (around !== null) this.around.set(id, branchKey(around.id, around.branch));
    const parent = around === null ? {} : { parent: { id: around.id, branch: around.branch } };
    return (branch, fn) => {
      const group = { id, mode, name, branch, ...parent };
      return runIn(this.coroutine, group, async () => fn());
    };
  }

  /** Runs `count` branches, at most `concurrency` at once; fails with the first failure and starts no more then. */
  private async bounded<R>(
    count: number,
    options: RegionOptions | undefined,
    run: (index: number) => Promise<R>,
  ): Promise<R[]> {
    const width = Math.min(count, requireConcurrency(options?.concurrency));
    const results = new Array<R>(count);
    let next = 0;
    let failed = false;
    const lane = async () => {
      while (next < count && !failed) {
        const index = next;
        next += 1;
        try {
          results[index] = await run(index);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    return results;
  }

  /** Whether the code that asks now is in a branch that lost a race, at any depth. */
  isLost(group: OperationGroup | null): boolean {
    if (group === null || this.lost.size === 0) return false;
    let at: string | undefined = branchKey(group.id, group.branch);
    while (at !== undefined && !this.lost.has(at)) at = this.around.get(regionOf(at));
    return at !== undefined;
  }

  private withdrawLosers(id: string, winner: number, branches: number): void {
    for (let branch = 0; branch < branches; branch += 1) {
      if (branch !== winner) this.lost.add(branchKey(id, branch));
    }
    this.coroutine.withdraw(({ group }) => this.isLost(group));
  }
}

function branchKey(id: string, branch: number): string {
  return `${id}:${branch}`;
}

function regionOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

function requireBranch<T>(branch: Branch<T> | undefined, index: number): Branch<T> {
  if (typeof branch === 'function') return branch;
  throw new InvalidArgumentError({
    field: `branches[${index}]`,
    received: branch,
    todo: 'Pass functions that return promises, as in [() => ctx.step(…), () => ctx.sleep(…)].',
  });
}

function requireConcurrency(value: number | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError({
    field: 'concurrency',
    received: value,
    todo: 'Pass a whole number of 1 or more.',
  });
}
