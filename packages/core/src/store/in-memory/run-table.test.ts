import { expect, test } from 'vitest';
import type { RunRecord } from '../../model/run.js';
import { canTransition, RunStatus } from '../../model/status.js';
import { RunTable } from './run-table.js';

const run: RunRecord = {
  ...{ id: 'r1', namespace: 'n', workflow: 'order', version: '1', status: 'pending' },
  ...{ branch: 0, epoch: 0, worker: null, input: '1', inputDigest: 'd', output: null, error: null },
  ...{ seed: 's', parent: null, tags: [], priority: 0, createdAt: 1, startedAt: null },
  ...{ finishedAt: null, deadlineAt: null, crashes: 0, waitingFor: [], reason: null },
};
const statuses = Object.values(RunStatus);
const pairs = statuses.flatMap((from) => statuses.map((to) => [from, to] as const));

test.each(pairs)('T6: %s → %s as the table says', (from, to) => {
  const runs = new RunTable();
  runs.put({ ...run, status: from });
  const change = () => runs.put({ ...run, status: to, epoch: 1 });
  if (from === to || canTransition(from, to)) {
    expect(change()).toMatchObject({ status: to });
    return;
  }
  expect(change).toThrow(`Run "r1" is ${from} and cannot become ${to}`);
  expect(runs.get('r1')).toMatchObject({ status: from, epoch: 0 });
});

test('T6: the id of a deleted run is free for any status', () => {
  const runs = new RunTable();
  runs.delete(runs.put({ ...run, status: 'completed' }));
  expect(runs.put(run)).toBe(run);
});
