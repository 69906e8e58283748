/** What tests of the engine, and of stores and transports for it, need beyond the public surface. */
export { whenIdle } from './replay/drain.js';
export { testHooks } from './replay/test-hooks.js';
