import { InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import type { StoreFixture } from './fixture.js';

/** The store that others are compared with: in memory, with a clock of its own. */
export function createModel(): StoreFixture {
  let now = 0;
  const store = new InMemoryStateStore({ clock: { now: () => now } });
  return {
    store,
    setNow: (time) => {
      now = time;
    },
    dispose: () => store.close(),
  };
}
