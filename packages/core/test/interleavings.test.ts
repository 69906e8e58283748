/** What a run does when answers of the store are late, lost or overtaken: each effect once, and none that is not owed. */
import { describe, expect, it } from 'vitest';
import { InMemoryStateStore, type StateStore, type WorkflowCtx } from '../src/index.js';
import { quietRuntime, runToEnd, startEngine, until } from './harness.js';
import { aborted, gate, wrapStore } from './support/wrap-store.js';

async function hasHistory(store: StateStore, runId: string): Promise<void> {
  await until(async () => {
    const [events = []] = await store.history([{ runId, branch: 0, after: 0 }]);
    return events.length > 0;
  });
}

/** Until a wait gives up: the claims are held, and the signal is sent, long before, on a busy machine too. */
const HELD_MS = 1_000;

/** Claims wait from `hold()` on until a turn has met a conflict: what arrives is not seen before that. */
function heldUntilConflict(base: StateStore) {
  let door = gate();
  door.open();
  const conflict = gate();
  const store = wrapStore(base, {
    claim: async (request) => {
      await door.opened;
      return base.claim(request);
    },
    commit: async (turns) => {
      const results = await base.commit(turns);
      if (results.some(({ outcome }) => outcome === 'conflict')) {
        conflict.open();
        door.open();
      }
      return results;
    },
  });
  const hold = () => {
    door = gate();
  };
  return { store, hold, conflict };
}

describe('a run that is loaded again after a conflict, while a step of it runs', () => {
  it('waits for the outcome of the step when it is cancelled', async () => {
    const base = new InMemoryStateStore();
    const { store, hold } = heldUntilConflict(base);
    const seen: unknown[] = [];
    let charged = 0;
    const engine = await startEngine({
      store,
      worker: { maxPoll: 20, cancelGrace: '4s' },
      workflows: {
        wf: async (ctx) => {
          const charge = ctx.step('charge', async ({ signal }) => {
            await aborted(signal);
            // The charge is under way and cannot be called back any more.
            await new Promise((resolve) => setTimeout(resolve, 50));
            charged += 1;
            return 'paid';
          });
          const wait = ctx.waitForSignal('s', { timeout: HELD_MS }).catch(() => 'none');
          const day = ctx.sleep('1 day');
          try {
            seen.push(await charge);
          } catch (error) {
            seen.push(error);
            throw error;
          }
          await wait;
          await day;
        },
      },
    });
    const client = await startEngine({ store: base, worker: false, workflows: {} });
    const { runId } = await engine.startRun('wf', null);
    await hasHistory(base, runId);
    hold();
    await client.signal('s', 'x');
    await client.cancel(runId, 'user');
    expect(await engine.waitForRun(runId)).toMatchObject({ status: 'cancelled' });
    expect(seen).toEqual(['paid']);
    expect(charged).toBe(1);
    const history = await engine.history(runId);
    expect(history.filter(({ name }) => name === 'charge')).toMatchObject([{ type: 'completed' }]);
  });

  it('aborts the step when it has lost a race', async () => {
    const base = new InMemoryStateStore();
    const { store, hold, conflict } = heldUntilConflict(base);
    let ran = 0;
    const lost = gate();
    const engine = await startEngine({
      store,
      worker: { maxPoll: 20 },
      workflows: {
        wf: async (ctx) => {
          const winner = await ctx.race('r', [
            () =>
              ctx.step('charge', async ({ signal }) => {
                ran += 1;
                await aborted(signal);
                lost.open();
              }),
            () => ctx.waitForSignal('s', { timeout: HELD_MS }),
          ]);
          // The end of the run would abort the step, too.
          await ctx.waitForSignal('end');
          return winner;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await hasHistory(base, runId);
    hold();
    await engine.signal('s', 'won');
    await conflict.opened;
    await lost.opened;
    await engine.signal('end');
    expect(await engine.waitForRun(runId)).toMatchObject({ output: 'won' });
    expect(ran).toBe(1);
  });
});

describe('a run that is blocked', () => {
  it('while a turn of it is on its way, is not executed again at that epoch', async () => {
    const base = new InMemoryStateStore();
    const bodies: string[] = [];
    const committed: string[] = [];
    const charging = gate();
    const wentOn = gate();
    let polls = 0;
    const store = wrapStore(base, {
      releaseRun: () => Promise.reject(new Error('the database is away')),
      claim: (request) => {
        polls += 1;
        return base.claim(request);
      },
      commit: async (turns) => {
        charging.open();
        await wentOn.opened;
        await new Promise(setImmediate);
        const results = await base.commit(turns);
        for (const { epoch, events } of turns) {
          for (const { seq, name } of events) committed.push(`${epoch} ${seq} ${name}`);
        }
        return results;
      },
    });
    const engine = await startEngine({
      store,
      runtime: quietRuntime,
      worker: { maxPoll: 20, lease: 300, heartbeat: 10 },
      workflows: {
        wf: async (ctx) => {
          const aside = charging.opened.then(() => {
            wentOn.open();
            return ctx.step('b', () => void bodies.push('b'));
          });
          await ctx.step('charge', () => void bodies.push('charge'));
          await ctx.step('ship', () => void bodies.push('ship'));
          await aside;
        },
      },
    });
    const { runId } = await engine.startRun('wf', null);
    await expect(engine.waitForRun(runId)).rejects.toMatchObject({ code: 'RUN_BLOCKED' });
    const before = polls;
    await until(() => polls > before + 2);
    expect(bodies).toEqual(['charge']);
    expect(committed).toEqual(['1 1 charge']);
    expect(await engine.history(runId)).toMatchObject([{ name: 'charge', type: 'completed' }]);
  });

  it('keeps the outcome of a finished step, which does not run again after a repaired deploy', async () => {
    const store = new InMemoryStateStore();
    let charged = 0;
    const body = (pause: () => Promise<void>) => async (ctx: WorkflowCtx) => {
      const id = await ctx.step('charge', () => {
        charged += 1;
        return `ch${charged}`;
      });
      await pause();
      await ctx.step('mail', () => 1);
      return id;
    };
    const foreign = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
    const bad = await startEngine({
      store,
      runtime: quietRuntime,
      workflows: { wf: body(foreign) },
    });
    const { runId } = await bad.startRun('wf', null);
    await expect(bad.waitForRun(runId)).rejects.toMatchObject({ code: 'RUN_BLOCKED' });
    expect(await bad.history(runId)).toMatchObject([{ name: 'charge', result: 'ch1' }]);
    await bad.stop();
    const good = await startEngine({ store, workflows: { wf: body(async () => {}) } });
    await good.retry(runId);
    expect(await good.waitForRun(runId)).toMatchObject({ output: 'ch1' });
    expect(charged).toBe(1);
  });
});

describe('what has lost its claim to go on', () => {
  it('a branch that lost a race goes no further when what it waits for comes', async () => {
    const won = gate();
    let charged = 0;
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          const quote = ctx.step('quote', () => won.opened);
          await ctx.race('r', [
            () => ctx.sleep(1),
            async () => {
              await quote;
              await ctx.step('charge', () => {
                charged += 1;
              });
            },
          ]);
          won.open();
          await quote;
          await ctx.step('after', () => 1);
          await ctx.sleep(1);
          return 'done';
        },
      },
    });
    expect(await runToEnd(engine)).toMatchObject({ output: 'done' });
    expect(charged).toBe(0);
  });

  it('a terminated run that was claimed again before its suspension was answered attempts nothing', async () => {
    const base = new InMemoryStateStore();
    const door = gate();
    let attempts = 0;
    const store = wrapStore(base, {
      commit: async (turns) => {
        const results = await base.commit(turns);
        if (turns.some(({ change }) => change?.to === 'suspended')) await door.opened;
        return results;
      },
    });
    const engine = await startEngine({
      store,
      worker: { maxPoll: 20 },
      workflows: {
        wf: async (ctx) => {
          const retry = { initialDelay: 5, jitter: 'none' } as const;
          const fails = () => {
            attempts += 1;
            throw new Error('x');
          };
          await ctx.step('charge', fails, { retry });
        },
        other: (ctx) => ctx.step('s', () => 1),
      },
    });
    await engine.startRun('wf', null, { runId: 'r1' });
    await until(async () => (await base.getRun('r1'))?.epoch === 2);
    await engine.terminate('r1');
    door.open();
    // Turns are answered in order: when this run has ended, the late answer has been heard.
    const { runId } = await engine.startRun('other', null);
    await engine.waitForRun(runId);
    await until(() => engine.residentRuns === 0);
    expect(attempts).toBe(1);
  });
});
