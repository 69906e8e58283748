import { expect, test } from 'vitest';
import { createCodec } from '../codec/codec.js';
import { RunConflictError } from '../errors/errors.js';
import type { NewRun, RunRecord } from '../model/run.js';
import { childConflictOutcome, isSameChild } from './child-conflict.js';

const mother = { runId: 'mother', branch: 0, position: 3, closePolicy: 'cancel' } as const;
const child: NewRun = {
  id: 'taken',
  namespace: 'n',
  workflow: 'ship',
  version: '2',
  input: '1',
  inputDigest: 'd1',
  seed: 's',
  parent: mother,
  tags: [],
  priority: 0,
  startAt: null,
  timeoutMs: null,
};

function existing(overrides: Partial<RunRecord>): RunRecord {
  const { startAt: _, timeoutMs: __, ...fields } = child;
  return {
    ...fields,
    ...{ status: 'pending', branch: 0, epoch: 0, worker: null, output: null, error: null },
    ...{ createdAt: 1, startedAt: null, finishedAt: null, deadlineAt: null, crashes: 0 },
    ...{ waitingFor: [], reason: null, parent: null },
    ...overrides,
  };
}

function errorOf(overrides: Partial<RunRecord>): RunConflictError {
  const { status, output, error } = childConflictOutcome(child, existing(overrides));
  expect([status, output]).toEqual(['failed', null]);
  const decoded = createCodec().decodeError(error ?? '');
  if (!(decoded instanceof RunConflictError)) throw new Error('not a RunConflictError');
  return decoded;
}

test.each([
  [{ workflow: 'pay' }, { differs: 'workflow', existing: 'pay', asked: 'ship' }],
  [{ version: '1' }, { differs: 'version', existing: '1', asked: '2' }],
  [{ inputDigest: 'd2' }, { differs: 'input' }],
  [{}, { differs: 'parent', existing: 'none', asked: 'mother' }],
  [{ parent: { ...mother, runId: 'aunt' } }, { differs: 'parent', existing: 'aunt' }],
  [
    { parent: { ...mother, position: 4 } },
    { differs: 'parent', existing: 'operation 4 of mother', asked: 'operation 3 of mother' },
  ],
] as const)('says how the other run differs: %o', (overrides, fields) => {
  const error = errorOf(overrides);
  expect(error).toMatchObject({ code: 'RUN_CONFLICT', fields: { runId: 'taken', ...fields } });
});

test('is the same text every time, without a place in our code', () => {
  const [first, second] = [1, 2].map(() => childConflictOutcome(child, existing({})).error);
  expect(first).toBe(second);
  expect(errorOf({}).stack).toBe(`RunConflictError: ${errorOf({}).message}`);
});

test.each([
  ['the run itself', {}, true],
  ['started by another branch', { parent: { ...mother, branch: 5 } }, true],
  ['of another version', { version: '1' }, true],
  ['of another workflow', { workflow: 'pay' }, false],
  ['with another input', { inputDigest: 'd2' }, false],
  ['started by another operation', { parent: { ...mother, position: 4 } }, false],
  ['started by another run', { parent: { ...mother, runId: 'aunt' } }, false],
  ['started by no run', { parent: null }, false],
] as const)('the same child or not: %s', (_, overrides, expected) => {
  expect(isSameChild(child, existing({ parent: mother, ...overrides }))).toBe(expected);
});
