/** What `ctx.all`, `ctx.map` and `ctx.race` mean, in plain promise code. */
import type { RegionOptions } from '@dudousxd/nestjs-durable-core';

export class ReferenceRegions {
  /** Runs `count` branches, at most `concurrency` at once; starts no more after a failure. */
  async bounded(
    count: number,
    options: RegionOptions | undefined,
    run: (index: number) => Promise<unknown>,
  ): Promise<unknown[]> {
    const results: unknown[] = new Array<unknown>(count);
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
    await Promise.all(Array.from({ length: Math.min(count, options?.concurrency ?? count) }, lane));
    return results;
  }

  /** The first branch to settle. Its losers stay pending: history holds no outcome of theirs. */
  race(branches: readonly (() => Promise<unknown>)[]): Promise<unknown> {
    return Promise.race(branches.map((branch) => branch()));
  }
}
