import { expect, test } from 'vitest';
import { InMemoryStateStore } from '../src/index.js';
import { startEngine } from './harness.js';
import { settle, VirtualRuntime } from './support/virtual-runtime.js';
import { wrapStore } from './support/wrap-store.js';

test('heartbeats that nobody answers do not pile up, and go on when somebody does', async () => {
  const runtime = new VirtualRuntime();
  const inner = new InMemoryStateStore({ clock: runtime.clock });
  const hanging: (() => void)[] = [];
  let isSilent = false;
  let sent = 0;
  const store = wrapStore(inner, {
    heartbeat: async (request) => {
      sent += 1;
      if (isSilent) await new Promise<void>((resolve) => hanging.push(resolve));
      return inner.heartbeat(request);
    },
  });
  const engine = await startEngine({
    store,
    runtime,
    worker: { lease: 3_000, heartbeat: 1_000 },
    workflows: {},
  });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      await runtime.advance(100);
      await settle();
    }
  };
  isSilent = true;
  await pass(20_000);
  expect(hanging).toHaveLength(3);
  isSilent = false;
  const before = sent;
  for (const answer of hanging) answer();
  await pass(5_000);
  expect(sent).toBeGreaterThan(before + 3);
  await engine.stop();
});
