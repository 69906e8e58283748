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
    count: async (request) => {
      if (isAway) throw new Error('the database is away');
      counted.push(request);
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

  test('lets the next begin when the one before has made progress or has left', async () => {
    for (const id of ['r1', 'r2', 'r3']) enter(id);
    await runtime.advance(1);
    expect(begun).toEqual(['r1']);
    probation.release('r3');
    await runtime.advance(1);
    expect(begun).toEqual(['r1']);
    here.delete('r2');
    probation.release('r1');
    await runtime.advance(1);
    expect(begun).toEqual(['r1', 'r3']);
    expect(counted.map(({ runId }) => runId)).toEqual(['r1', 'r3']);
  });

  test('lets the next begin after a while', async () => {
    enter('r1');
    enter('r2');
    await runtime.advance(1_900);
    expect(begun).toEqual(['r1']);
    await runtime.advance(200);
    expect(begun).toEqual(['r1', 'r2']);
  });

  test('begins nothing that has left, and counts nothing more', async () => {
    isAway = true;
    enter('r1');
    enter('r2');
    await runtime.advance(30);
    probation.clear();
    isAway = false;
    await runtime.advance(10_000);
    expect(begun).toEqual([]);
    expect(counted).toEqual([]);
    expect(runtime.timers).toBe(0);
    enter('r3');
    await runtime.advance(1);
    expect(begun).toEqual(['r3']);
  });
});
