import { InvalidArgumentError } from '@dudousxd/nestjs-durable-core';
import { describe, expect, it } from 'vitest';
import { BullMqTransport } from './index.js';
import { escapePart } from './keys.js';
import { findSettings } from './server-check.js';
import { toBullPriority } from './task-dispatch.js';

describe('the options', () => {
  const connection = { host: 'localhost' };

  it.each([
    ['connection', { connection: undefined }],
    ['connection', { connection: 'redis://localhost' }],
    ['connection.keyPrefix', { connection: { ...connection, keyPrefix: 'x:' } }],
    ['prefix', { connection, prefix: '' }],
    ['concurrency', { connection, concurrency: 0 }],
    ['maxMessageBytes', { connection, maxMessageBytes: 1.5 }],
    ['limiter.max', { connection, limiter: { max: 0, durationMs: 1 } }],
    ['queues[0].steps', { connection, queues: [{ name: 'q', steps: [] }] }],
    ['queues', { connection, queues: [q('a'), q('a')] }],
  ])('are refused with their name: %s', (field, options) => {
    const make = () => new BullMqTransport(options as never);
    expect(make).toThrow(InvalidArgumentError);
    expect(make).toThrow(field);
  });

  it('make nothing happen before the transport is used', () => {
    expect(new BullMqTransport({ connection }).droppedMessages).toEqual([]);
  });
});

function q(name: string) {
  return { name, steps: ['x'] };
}

describe('keys', () => {
  it('of different names are different, and hold no separator', () => {
    const names = ['a:b', 'a%3Ab', 'a%3ab', 'a', 'a%253Ab'];
    expect(new Set(names.map(escapePart)).size).toBe(names.length);
    expect(names.map(escapePart).join('')).not.toContain(':');
  });
});

describe('priorities', () => {
  it('are in the range of BullMQ, the largest first', () => {
    const all = [Number.MAX_SAFE_INTEGER, 2 ** 20, 100, 1, 0, -1, -(2 ** 30), Number.NaN];
    const bull = all.map(toBullPriority);
    expect(bull.slice(0, 7)).toEqual(bull.slice(0, 7).toSorted((a, b) => a - b));
    expect(bull.every((value) => value >= 1 && value <= 2_097_151)).toBe(true);
    expect(toBullPriority(1)).toBeLessThan(toBullPriority(0));
  });
});

describe('settings of the server', () => {
  it('are fine as queues need them', () => {
    expect(findSettings('maxmemory_policy:noeviction\r\naof_enabled:1\r\n')).toEqual([]);
    expect(findSettings('')).toEqual([]);
  });

  it('that lose what is in it are found', () => {
    const found = findSettings('# Memory\r\nmaxmemory_policy:volatile-lru\r\naof_enabled:0\r\n');
    expect(found.map(({ setting }) => setting)).toEqual(['maxmemory-policy', 'appendonly']);
  });
});
