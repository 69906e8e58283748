import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidArgumentError } from '../errors/errors.js';
import { remoteStep } from './remote-step.js';
import { defineSignal } from './signal.js';

const valid = { name: 'payments.charge-card', input: z.string(), output: z.number() };

/** Calls with arguments that the types would refuse. */
const loosely = (config: unknown) => remoteStep(config as typeof valid);

function fieldOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.fields.field;
    throw error;
  }
  return undefined;
}

describe('remoteStep', () => {
  it('is data that cannot be changed', () => {
    const contract = remoteStep({ ...valid, retries: 3, timeout: '30s' });
    expect(contract).toMatchObject({
      kind: 'durable.remote-step',
      name: 'payments.charge-card',
      options: { retries: 3, timeout: '30s' },
    });
    expect(Object.isFrozen(contract)).toBe(true);
  });

  it('has only the options that were given', () => {
    expect(remoteStep(valid).options).toEqual({});
  });

  it.each([
    ['config', undefined],
    ['name', { ...valid, name: '' }],
    ['name', { ...valid, name: 7 }],
    ['input', { name: 'x', output: valid.output }],
    ['input', { ...valid, input: {} }],
    ['output', { ...valid, output: { '~standard': {} } }],
    ['retries', { ...valid, retries: -1 }],
    ['retries', { ...valid, retries: 1.5 }],
    ['retries', { ...valid, retries: Number.NaN }],
    ['retry.maxAttempts', { ...valid, retry: { maxAttempts: 0 } }],
    ['timeout', { ...valid, timeout: 'soon' }],
    ['timeout', { ...valid, timeout: -5 }],
    ['heartbeatTimeout', { ...valid, heartbeatTimeout: Number.POSITIVE_INFINITY }],
  ])('names the field %s', (field, config) => {
    expect(fieldOf(() => loosely(config))).toBe(field);
  });

  it('takes schemas that are functions', () => {
    const callable = Object.assign(() => true, { '~standard': valid.input['~standard'] });
    expect(fieldOf(() => loosely({ ...valid, input: callable }))).toBeUndefined();
  });
});

describe('defineSignal', () => {
  it('carries its name and its schema', () => {
    const schema = z.object({ approved: z.boolean() });
    expect(defineSignal('approve', schema)).toEqual({
      kind: 'durable.signal',
      name: 'approve',
      schema,
    });
    expect(defineSignal('approve')).toEqual({ kind: 'durable.signal', name: 'approve' });
  });

  it('refuses an empty name and something that is no schema', () => {
    expect(fieldOf(() => defineSignal(''))).toBe('name');
    expect(fieldOf(() => defineSignal('approve', { parse: () => 1 } as never))).toBe('schema');
  });
});
