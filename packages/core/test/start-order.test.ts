/** A process that starts before its database, as containers do. */
import { expect, it } from 'vitest';
import { type EngineOptions, InMemoryStateStore, type StateStore } from '../src/index.js';
import { createEngine, quietRuntime, runToEnd } from './harness.js';
import { VirtualRuntime } from './support/virtual-runtime.js';
import { wrapStore } from './support/wrap-store.js';

const AWAY = new Error('nobody listens there');

function engineOn(overrides: Partial<StateStore>, options: Partial<EngineOptions> = {}) {
  const store = wrapStore(new InMemoryStateStore(), {
    isUnavailable: (error) => error === AWAY,
    ...overrides,
  });
  return createEngine({ store, workflows: { wf: async () => 'done' }, ...options });
}

it.each(['migrate', 'heartbeat'] as const)(
  'waits for a database that is away (%s)',
  async (verb) => {
    const memory = new InMemoryStateStore();
    let failures = 2;
    const call = memory[verb].bind(memory) as (request: never) => Promise<never>;
    const engine = engineOn(
      {
        [verb]: async (request: never) => {
          failures -= 1;
          if (failures >= 0) throw AWAY;
          return call(request);
        },
      },
      { runtime: quietRuntime },
    );
    await engine.start();
    expect(await runToEnd(engine)).toMatchObject({ output: 'done' });
    await engine.stop();
  },
);

it('gives up after startTimeout, with a line in the log for each try', async () => {
  const runtime = new VirtualRuntime();
  const migrate = () => Promise.reject(AWAY);
  const engine = engineOn({ migrate }, { runtime, startTimeout: '5s' });
  const started = engine.start();
  const answer = expect(started).rejects.toBe(AWAY);
  await runtime.advance(4_900);
  expect(await Promise.race([started.catch(() => 'over'), 'waiting'])).toBe('waiting');
  await runtime.advance(200);
  await answer;
  const lines = runtime.logs.map(({ message }) => message);
  expect(lines.length).toBeGreaterThan(3);
  expect(lines[0]).toBe('The database cannot be reached; trying again for 5 s.');
  expect(runtime.timers).toBe(0);
});

it('fails at once when anything else is wrong', async () => {
  const error = new Error('the schema is newer');
  const runtime = new VirtualRuntime();
  const engine = engineOn({ migrate: () => Promise.reject(error) }, { runtime });
  await expect(engine.start()).rejects.toBe(error);
  expect(runtime.logs).toEqual([]);
});

it('a stop meanwhile ends the waiting', async () => {
  const runtime = new VirtualRuntime();
  const engine = engineOn({ migrate: () => Promise.reject(AWAY) }, { runtime });
  const answer = expect(engine.start()).rejects.toBe(AWAY);
  await runtime.advance(50);
  const stopped = engine.stop();
  await runtime.advance(3_000);
  await answer;
  await stopped;
});
