/** The oracle sees what it is there for: evidence made by hand, with one thing wrong. */
import { describe, expect, test } from 'vitest';
import type { Fault } from '../src/driver/fault-log.js';
import type { AuditRow } from '../src/oracle/audit.js';
import { type Call, judgeCalls } from '../src/oracle/calls.js';
import { judgeOwnership, recoveryTimes } from '../src/oracle/ownership.js';
import { compareOutput } from '../src/program/expect.js';
import { generateProgram } from '../src/program/generate.js';
import type { Operation } from '../src/program/program.js';
import { Random } from '../src/program/random.js';

let ids = 0;

function row(what: AuditRow['what'], tx: number, rest: Partial<AuditRow>): AuditRow {
  ids += 1;
  return {
    ...{ id: ids, at: ids, tx, what, runId: 'r', worker: null, fromWorker: null },
    ...{ epoch: null, fromEpoch: null, status: null, fromStatus: null, crashes: 0 },
    ...{ fromCrashes: 0, branch: 0, seq: null, ...rest },
  };
}

const owned = (tx: number) => row('run', tx, { worker: 'a', epoch: 1, status: 'running' });
const event = (tx: number, worker: string, seq: number) => row('history', tx, { worker, seq });
const taken = (tx: number) =>
  row('run', tx, {
    ...{ fromWorker: 'a', fromEpoch: 1, epoch: 2, status: 'running', fromStatus: 'running' },
    crashes: 1,
  });
const claimed = (tx: number) =>
  row('run', tx, {
    ...{ worker: 'b', epoch: 3, fromEpoch: 2, status: 'running', fromStatus: 'running' },
    crashes: 1,
  });
const ended = (tx: number, worker: string, epoch: number) =>
  row('run', tx, {
    ...{ fromWorker: worker, epoch, fromEpoch: epoch, status: 'completed', fromStatus: 'running' },
  });

describe('ownership', () => {
  test('a run that changes hands in order is well, and its take-over is counted', () => {
    const audit = [
      owned(1),
      event(2, 'a', 1),
      taken(3),
      claimed(4),
      ended(5, 'b', 3),
      event(5, 'b', 2),
    ];
    expect(judgeOwnership(audit)).toEqual({ violations: [], staleWrites: 0, takeOvers: 1 });
  });

  test('a write of the owner before is a stale write', () => {
    const audit = [owned(1), taken(2), claimed(3), event(4, 'a', 1)];
    expect(judgeOwnership(audit)).toMatchObject({ staleWrites: 1 });
  });

  test('a write of nobody’s run is one, too', () => {
    expect(judgeOwnership([owned(1), taken(2), event(3, 'a', 1)])).toMatchObject({
      staleWrites: 1,
    });
  });

  test.each([
    [
      'an end that is taken back',
      [
        owned(1),
        ended(2, 'a', 1),
        row('run', 3, { fromStatus: 'completed', status: 'running', epoch: 2, fromEpoch: 1 }),
      ],
      'I10',
    ],
    ['history that is changed', [owned(1), event(2, 'a', 1), row('rewrite', 3, { seq: 1 })], 'I1'],
    [
      'an epoch that goes back',
      [
        owned(1),
        row('run', 2, { epoch: 0, fromEpoch: 1, status: 'running', fromStatus: 'running' }),
      ],
      'I4',
    ],
    [
      'an owner without a new epoch',
      [
        taken(1),
        row('run', 2, {
          worker: 'b',
          epoch: 2,
          fromEpoch: 2,
          status: 'running',
          fromStatus: 'running',
        }),
      ],
      'I4',
    ],
    [
      'an owner in place of another',
      [
        owned(1),
        row('run', 2, {
          worker: 'b',
          fromWorker: 'a',
          epoch: 2,
          fromEpoch: 1,
          status: 'running',
          fromStatus: 'running',
        }),
      ],
      'I4',
    ],
  ] as const)('%s', (_, audit, invariant) => {
    const { violations } = judgeOwnership(audit);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(invariant);
  });

  test('recovery is the time until a run of the dead has a living owner', () => {
    const audit = [
      { ...owned(1), at: 100 },
      { ...taken(2), at: 500 },
      { ...claimed(3), at: 600 },
    ];
    expect(recoveryTimes(audit, [{ at: 200, workers: new Set(['a']) }])).toEqual({
      plain: [400],
      backedOff: [],
    });
    expect(recoveryTimes(audit, [{ at: 200, workers: new Set(['b']) }])).toEqual({
      plain: [],
      backedOff: [],
    });
    expect(recoveryTimes(audit, [{ at: 50, workers: new Set(['a']) }])).toEqual({
      plain: [],
      backedOff: [],
    });
  });
});

describe('repeated calls', () => {
  const call = (app: number, from: number): Call => ({
    ...{ run: 'r', key: '0', attempt: 1, app, pid: 10 + app, from, to: from + 1, token: 't' },
  });
  const fault = (rest: Partial<Fault>): Fault => {
    return { kind: 'kill', app: 0, pid: 10, from: 105, to: 105, ...rest };
  };
  const judge = (calls: readonly Call[], faults: readonly Fault[]) =>
    judgeCalls(calls, { faults, workersFrom: 3, aftermathMs: 50 }).violations;

  test.each([
    ['a fault of its process', fault({}), 0],
    ['one whose aftermath reaches it', fault({ from: 20, to: 60 }), 0],
    ['one that was over long before', fault({ from: 20, to: 40 }), 1],
    ['one that came when it had run again', fault({ from: 301, to: 301 }), 1],
    ['one of another application', fault({ app: 1, pid: null }), 1],
    ['one of an earlier process', fault({ pid: 9 }), 1],
    ['one that hit all', fault({ kind: 'database', app: null, pid: null }), 0],
  ] as const)('%s', (_, given, violations) => {
    expect(judge([call(0, 100), call(1, 300)], [given])).toHaveLength(violations);
  });

  test.each([
    ['a fault of the worker', fault({ kind: 'workerKill', app: 3, pid: 13 }), 0],
    ['one of an engine, which had to take its result', fault({}), 0],
    ['one of another worker', fault({ kind: 'workerKill', app: 4, pid: 14 }), 1],
    ['messages of this attempt', fault({ app: null, pid: null, attempts: new Set(['r 0 1']) }), 0],
    ['messages of others', fault({ app: null, pid: null, attempts: new Set(['r 0 2']) }), 1],
    ['forged answers', fault({ app: null, pid: null, attempts: new Set() }), 1],
  ] as const)('of a remote step: %s', (_, given, violations) => {
    expect(judge([call(3, 100), call(4, 300)], [given])).toHaveLength(violations);
  });

  test('another attempt is no repetition', () => {
    expect(judge([call(0, 100), { ...call(0, 300), attempt: 2 }], [])).toEqual([]);
  });
});

describe('outputs', () => {
  const step = { op: 'step', key: '0', ms: 0, failures: 1 } as const;
  const wait = { op: 'wait', key: '1', token: 'x', count: 2 } as const;
  const good = [
    { key: '0', step: { attempt: 2, token: 't' } },
    { key: '1', got: ['x=0', 'x=1'] },
  ];

  test('what the program asks for', () => {
    const { problems, results } = compareOutput([step, wait], good);
    expect(problems).toEqual([]);
    expect(results).toEqual([{ key: '0', attempt: 2, token: 't' }]);
  });

  test.each([
    ['payloads in another order', [good[0], { key: '1', got: ['x=1', 'x=0'] }]],
    ['a payload twice', [good[0], { key: '1', got: ['x=0', 'x=0'] }]],
    ['another attempt', [{ key: '0', step: { attempt: 1, token: 't' } }, good[1]]],
    ['too little', [good[0]]],
  ])('%s', (_, output) => {
    expect(compareOutput([step, wait], output).problems).toHaveLength(1);
  });
});

test('a seed is a program', () => {
  const make = (seed: number) =>
    generateProgram(new Random(seed), {
      ...{ runId: 'r', cancellable: false, sites: [] },
      takeToken: () => 'x',
    });
  expect(make(1)).toEqual(make(1));
  const operations = Array.from({ length: 300 }, (_, seed) => make(seed)).flatMap(
    (p) => p.operations,
  );
  const kinds: ReadonlySet<Operation['op']> = new Set(operations.map(({ op }) => op));
  expect([...kinds].sort()).toEqual([
    'all',
    'child',
    'fail',
    'race',
    'send',
    'sleep',
    'step',
    'wait',
  ]);
});
