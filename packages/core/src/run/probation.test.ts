import { beforeEach, describe, expect, test } from 'vitest';
import { VirtualRuntime } from '../../test/support/virtual-runtime.js';
import type { RunRecord } from '../model/run.js';
import type { ProbationRequest } from '../store/state-store.js';
import { PROBATION_FROM, Probation } from './probation.js';

let runtime: VirtualRuntime;
let counted: ProbationRequest[];
let begun: string[];
let here: Set<string>;
let isAway: boolean;
let probation: Probation;

beforeEach(() => {
  runtime = new VirtualRuntime();
  counted = [];
  begun = [];
  here = new Set();
  isAway = false;
  probation = new Probation({
    runtime,
    count: async (requests) => {
      if (isAway) throw new Error('the database is away');
      counted.push(...requests);
    },
  });
});

function enter(id: string, crashes = PROBATION_FROM): void {
  here.add(id);
  const run = { id, worker: 'w1', epoch: 4, crashes } as RunRecord;
  probation.enter(
    run,
    () => here.has(id),
    () => begun.push(id),
  );
}

describe('probation', () => {
  test('is not for runs that were lost less often', () => {
    enter('r1', PROBATION_FROM - 1);
    expect(begun).toEqual(['r1']);
    expect(counted).toEqual([]);
  });

  test('begins a run when its crash has been counted', async () => {
    isAway = true;
    enter('r1', 5);
    await runtime.advance(100);
    expect(begun).toEqual([]);
    isAway = false;
    await runtime.advance(1_000);
    expect(counted).toEqual([{ runId: 'r1', worker: 'w1', epoch: 4, crashes: 6 }]);
    expect(begun).toEqual(['r1']);
  });

  test('lets few begin at a time: the next when one has made progress or has left', async () => {
    const ids = Array.from({ length: 23 }, (_, i) => `r${i + 1}`);
    for (const id of ids) enter(id);
    await runtime.advance(1);
    expect(begun).toEqual(ids.slice(0, 20));
    expect(counted.map(({ runId }) => runId)).toEqual(ids.slice(0, 20));
    probation.release('r23');
    await runtime.advance(1);
    expect(begun).toHaveLength(20);
    here.delete('r21');
    probation.release('r7');
    await runtime.advance(1);
    expect(begun.slice(20)).toEqual(['r22']);
  });

  test('lets the next begin after a while', async () => {
    for (let i = 1; i <= 21; i += 1) enter(`r${i}`);
    await runtime.advance(1_900);
    expect(begun).toHaveLength(20);
    await runtime.advance(200);
    expect(begun).toHaveLength(21);
  });

  test('begins nothing that has left', async () => {
    isAway = true;
    enter('r1');
    enter('r2');
    await runtime.advance(30);
    probation.clear();
    isAway = false;
    await runtime.advance(10_000);
    expect(begun).toEqual([]);
    enter('r3');
    await runtime.advance(1);
    expect(begun).toEqual(['r3']);
    probation.stop();
    expect(runtime.timers).toBe(0);
  });
});
