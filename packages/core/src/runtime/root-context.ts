import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs code outside every async context of the application. The engine's own work goes on for many runs at once: without
 * this, the step of one run would see the request, the tenant or the transaction of whoever happened to wake the engine.
 */
export const inRootContext: <T>(code: () => T) => T = AsyncLocalStorage.snapshot();
