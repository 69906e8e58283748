import type { RateLimit, ResolvedOptions, TaskQueueOptions } from './options.js';

/** A queue that a worker opens, and the steps that it serves by it. */
export interface QueuePlan {
  readonly queue: string;
  readonly steps: readonly string[];
  readonly concurrency: number;
  readonly limiter: RateLimit | undefined;
}

/** Which queues a worker opens for its steps: the first queue that names a step has it, else one of its own name. */
export function planQueues(steps: readonly string[], options: ResolvedOptions): QueuePlan[] {
  const { queues, concurrency, limiter } = options;
  const groups = Map.groupBy(
    steps,
    (step) => queues.find((queue) => names(queue, step))?.name ?? step,
  );
  return [...groups].map(([queue, ofQueue]) => {
    const own = queues.find(({ name }) => name === queue);
    return {
      queue,
      steps: ofQueue,
      concurrency: own?.concurrency ?? concurrency,
      limiter: own?.limiter ?? limiter,
    };
  });
}

function names({ steps }: TaskQueueOptions, step: string): boolean {
  return steps.some((pattern) =>
    pattern.endsWith('*') ? step.startsWith(pattern.slice(0, -1)) : step === pattern,
  );
}
