import type { Runtime } from '@dudousxd/nestjs-durable-core';

/** Waits for something, but no longer than a time. False: it took longer, and goes on alone; a failure of it is logged. */
export async function endsWithin(
  runtime: Runtime,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<boolean> {
  const { scheduler, logger } = runtime;
  const late = Promise.withResolvers<false>();
  const timer = scheduler.setTimer(() => late.resolve(false), timeoutMs);
  const done = work.then(
    () => true as const,
    (error: unknown) => {
      logger.debug('Something that ends with the transport failed.', { error });
      return true as const;
    },
  );
  const inTime = await Promise.race([done, late.promise]);
  scheduler.clearTimer(timer);
  return inTime;
}

/** Resolves after a time, or at once when `wake` is called. */
export function pause(runtime: Runtime, delayMs: number): { ended: Promise<void>; wake(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = runtime.scheduler.setTimer(resolve, delayMs);
  const wake = () => {
    runtime.scheduler.clearTimer(timer);
    resolve();
  };
  return { ended: promise, wake };
}
