/** Several starts of one run id in one process, at once. */
import { expect, it } from 'vitest';
import { InMemoryStateStore, RunConflictError } from '../src/index.js';
import { quietRuntime, startEngine, until } from './harness.js';
import { aborted, gate, wrapStore } from './support/wrap-store.js';

const FILLERS = 40;

it('a cancel of the run reaches it, though the start that found it was answered before the one that made it', async () => {
  const memory = new InMemoryStateStore();
  const answer = gate();
  let calls = 0;
  const store = wrapStore(memory, {
    capabilities: { ...memory.capabilities, writeLanes: 2 },
    createRuns: async (request) => {
      calls += 1;
      const isFirst = calls === 1;
      const outcomes = await memory.createRuns(request);
      if (isFirst) await answer.opened;
      return outcomes;
    },
  });
  const engine = await startEngine({
    store,
    runtime: quietRuntime,
    workflows: {
      wf: (ctx) => ctx.step('long', ({ signal }) => aborted(signal)),
      filler: async () => null,
    },
  });
  const made = engine.startRun('wf', null, { runId: 'twice' });
  await until(() => calls === 1);
  const found = engine.startRun('wf', null, { runId: 'twice' });
  // As many as a second lane is opened for.
  const fillers = Array.from({ length: FILLERS }, () => engine.startRun('filler', null));
  expect((await found).created).toBe(false);
  await Promise.all(fillers);
  let wakes = 0;
  const receive = memory.receive.bind(memory);
  memory.receive = async (runIds) => {
    if (runIds.includes('twice')) wakes += 1;
    return receive(runIds);
  };
  await engine.cancel('twice');
  await until(() => wakes > 0);
  answer.open();
  expect((await made).created).toBe(true);
  const { status } = await engine.waitForRun('twice', { timeout: '3s' });
  expect(status).toBe('cancelled');
});

it('another input under the same id is a conflict for whoever comes second, and the first goes on', async () => {
  const engine = await startEngine({ workflows: { wf: async (_ctx, input: number) => input } });
  const starts = await Promise.allSettled(
    [1, 2].map((input) => engine.startRun('wf', input, { runId: 'same' })),
  );
  expect(starts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(starts[1]).toHaveProperty('reason', expect.any(RunConflictError));
  expect(await engine.waitForRun('same', { timeout: '3s' })).toMatchObject({ output: 1 });
});
