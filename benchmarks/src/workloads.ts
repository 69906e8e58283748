/** The workflows that are measured. */
import type { DurableEngine, WorkflowCtx } from '@dudousxd/nestjs-durable-core';

// What is measured is what runs in production: without the checks for development.
process.env.NODE_ENV ??= 'production';

const workloads: Readonly<Record<string, (ctx: WorkflowCtx, input: never) => Promise<unknown>>> = {
  /** `input` no-op steps, one after the other. */
  sequential: async (ctx, steps: number) => {
    let value = 0;
    for (let i = 0; i < steps; i += 1) value = await ctx.step('noop', () => value + 1);
    return value;
  },
  /** `input` no-op steps at once. */
  parallel: async (ctx, steps: number) => {
    const results = await Promise.all(
      Array.from({ length: steps }, (_, i) => ctx.step('noop', () => i)),
    );
    return results.length;
  },
  /** Asleep until the given time. */
  sleeper: async (ctx, until: Date) => {
    await ctx.sleepUntil(until);
    return 'awake';
  },
  /** Five steps of 20 ms. */
  slow: async (ctx) => {
    for (let i = 0; i < 5; i += 1) {
      await ctx.step('slow', () => new Promise((resolve) => setTimeout(resolve, 20, i)));
    }
  },
};

export function registerWorkloads(engine: DurableEngine): void {
  for (const [name, run] of Object.entries(workloads)) {
    engine.registerWorkflow({ name, version: '1', run, source: name });
  }
}
