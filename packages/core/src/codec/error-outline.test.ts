import { describe, expect, it } from 'vitest';
import { DurableError, PayloadTooLargeError, RetryableError } from '../errors/errors.js';
import { createCodec } from './codec.js';

describe('an error above the size limit', () => {
  const maxBytes = 64 * 1024;
  const small = createCodec({ maxBytes });
  const long = '"€\n'.repeat(100_000);

  it('keeps its class, its small properties, and the start of its message and stack', () => {
    const error = new RetryableError(long, {
      after: 5_000,
      cause: new Error(long),
      fields: { long },
    });
    Object.assign(error, { status: 503, body: long });
    const text = small.encodeError(error);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
    const back = small.decodeError(text) as RetryableError;
    expect(back).toBeInstanceOf(RetryableError);
    expect(back).toMatchObject({ code: 'RETRYABLE', after: 5_000, status: 503 });
    expect(back).not.toHaveProperty('body');
    expect(back.message.length).toBeGreaterThan(20);
    expect(long.startsWith(back.message.slice(0, -1))).toBe(true);
    expect(JSON.parse(text)).toMatchObject({
      $error: { dropped: expect.arrayContaining(['body', 'fields', 'cause']) },
    });
  });

  it('fits whatever it has, also below the room that errors always have', () => {
    const names = Array.from(
      { length: 500 },
      (_, index) => `k${index}${'\u0000'.repeat(index % 2 === 0 ? 28 : 5_000)}`,
    );
    const zeros = '\u0000'.repeat(100_000);
    const monster = new AggregateError([new Error(long)], zeros, { cause: long });
    Object.assign(monster, Object.fromEntries(names.map((name) => [name, long.slice(0, 9)])), {
      name: long,
    });
    for (const limit of [1, 1_000, 16 * 1024, maxBytes]) {
      const tight = createCodec({ maxBytes: limit });
      const text = tight.encodeError(monster);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(Math.max(limit, 16 * 1024));
      const back = tight.decodeError(text) as Error;
      expect(back).toBeInstanceOf(AggregateError);
      expect(Object.keys(back)).toHaveLength(16);
      expect(JSON.stringify(back.message).length).toBeLessThanOrEqual(
        Math.max(limit, 16 * 1024) / 256,
      );
    }
  });

  it('loses nothing but a property that is far too large', () => {
    const error = Object.assign(new Error('m'), { bytes: new Uint8Array(1_000_000), status: 503 });
    const text = small.encodeError(error);
    expect({ ...(small.decodeError(text) as Error) }).toEqual({ status: 503 });
    expect((small.decodeError(text) as Error).stack).toBe(error.stack);
    expect(JSON.parse(text)).toMatchObject({ $error: { dropped: ['bytes'] } });
  });

  it('is refused by encode', () => {
    expect(() => small.encode(new DurableError(long, { code: 'C', fields: {} }))).toThrow(
      PayloadTooLargeError,
    );
  });
});
