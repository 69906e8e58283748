import { whenIdle } from '@dudousxd/nestjs-durable-core/testing';

// Fake timers may replace the global.
const immediate = setImmediate;

/**
 * The boundary between two events: resolves when everything that an event has set off in this process is done.
 * Microtasks and next ticks are done when the event loop turns; only the kernel may yield to it in between.
 */
export async function drain(): Promise<void> {
  await new Promise<void>((resolve) => {
    immediate(resolve);
  });
  await whenIdle();
}
