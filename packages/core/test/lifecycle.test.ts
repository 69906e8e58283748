import { describe, expect, it } from 'vitest';
import type { LifecycleEvent } from '../src/index.js';
import { quietRuntime, runToEnd, startEngine, until } from './harness.js';

describe('lifecycle events', () => {
  it('say what has committed, in order, and carry its history events', async () => {
    const engine = await startEngine({
      workflows: {
        wf: async (ctx) => {
          await ctx.step('first', () => 1);
          await ctx.sleep(5);
          await ctx.step('second', () => 2);
        },
      },
    });
    const seen: LifecycleEvent[] = [];
    const remove = engine.on((event) => seen.push(event));
    const { runId } = await runToEnd(engine);
    expect(seen.map(({ type }) => type)).toEqual([
      'run.created',
      'run.suspended',
      'history',
      'run.completed',
    ]);
    expect(seen.every((event) => event.runId === runId && event.workflow === 'wf')).toBe(true);
    const stored = await engine.history(runId);
    expect(seen.flatMap(({ events }) => events.map(({ seq }) => seq))).toEqual(
      stored.map(({ seq }) => seq),
    );
    remove();
    await runToEnd(engine);
    expect(seen).toHaveLength(4);
  });

  it('tell of a run that is ended from outside', async () => {
    const engine = await startEngine({ workflows: { wf: (ctx) => ctx.sleep('1 day') } });
    const types: string[] = [];
    engine.on(({ type }) => types.push(type));
    const { runId } = await engine.startRun('wf', null);
    await until(() => types.includes('run.suspended'));
    await engine.terminate(runId);
    expect(types).toEqual(['run.created', 'run.suspended', 'run.cancelled']);
  });

  it('reach every listener, whatever another one does', async () => {
    const warnings: string[] = [];
    const logger = { ...quietRuntime.logger, warn: (message: string) => warnings.push(message) };
    const engine = await startEngine({
      runtime: { ...quietRuntime, logger },
      workflows: { wf: (ctx) => ctx.step('one', () => 'done') },
    });
    const types: string[] = [];
    engine.on(() => {
      throw new Error('a broken listener');
    });
    engine.on(() => Promise.reject(new Error('a broken promise')) as never);
    engine.on(() => new Promise(() => {}) as never);
    engine.on(({ type }) => types.push(type));
    expect(await runToEnd(engine)).toMatchObject({ status: 'completed', output: 'done' });
    expect(types).toEqual(['run.created', 'run.completed']);
    await until(() => warnings.length === 4);
    expect(warnings[0]).toContain('run.created');
  });
});
