import { test } from 'vitest';
import { StoreBench } from './bench.js';
import { START } from './build.js';
import type { StoreFactory, StoreFixture } from './fixture.js';

/** Declares one test on a fresh store. */
export type StoreTest = (
  title: string,
  body: (bench: StoreBench) => Promise<void>,
  timeoutMs?: number,
) => void;

/** Binds the tests of the suite to one implementation. */
export function createStoreTest({ create }: StoreFactory): StoreTest {
  return (title, body, timeoutMs = 20_000) => {
    test(title, { timeout: timeoutMs }, async (context) => {
      const fixture = await create();
      try {
        await prepare(fixture);
        await body(new StoreBench(fixture, (reason) => context.skip(reason)));
      } finally {
        await fixture.dispose();
      }
    });
  };
}

async function prepare(fixture: StoreFixture): Promise<void> {
  await fixture.setNow?.(START);
  await fixture.store.migrate();
}
