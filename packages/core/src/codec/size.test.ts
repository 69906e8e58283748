import { describe, expect, it, vi } from 'vitest';
import { InvalidArgumentError, PayloadTooLargeError } from '../errors/errors.js';
import { createCodec, decode, encode } from './codec.js';

/** The error of a call that has to throw. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('size', () => {
  it('is counted in UTF-8 bytes, quotes included', () => {
    const codec = createCodec({ maxBytes: 8, warnBytes: 8 });
    expect(codec.encode('ääa€'.slice(0, 3))).toBe('"ääa"');
    expect(codec.encode('ää€'.slice(0, 2))).toBe('"ää"');
    expect(codec.encode('ä€a')).toBe('"ä€a"');
    const error = thrownBy(() => codec.encode('ä€aa', 'the input'));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject({
      httpStatus: 413,
      fields: { field: 'the input', bytes: 9, limit: 8 },
    });
  });

  it.each([
    [2 * 1024 * 1024, true],
    [2 * 1024 * 1024 + 1, false],
  ])('of %i bytes is accepted by default: %s', (bytes, accepted) => {
    const value = 'x'.repeat(bytes - 2);
    if (accepted) expect(decode(encode(value))).toBe(value);
    else expect(() => encode(value)).toThrow(PayloadTooLargeError);
  });

  it('is told above warnBytes, once for each value', () => {
    const onLarge = vi.fn();
    const codec = createCodec({ warnBytes: 10, onLarge });
    codec.encode('x'.repeat(8));
    expect(onLarge).not.toHaveBeenCalled();
    codec.encode('x'.repeat(9), 'f');
    expect(onLarge.mock.calls).toEqual([[{ field: 'f', bytes: 11, limit: 10 }]]);
  });

  it('stops a small graph of shared references that would grow without end', () => {
    const codec = createCodec({ maxBytes: 10_000 });
    let value: unknown = ['x'];
    for (let level = 0; level < 100; level += 1) value = [value, value];
    const error = thrownBy(() => codec.encode(value));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(String(error)).toContain('takes more than 20000 bytes, and the limit is 10000');
    expect(() => codec.encode(new Uint8Array(100_000))).toThrow('more than 20000 bytes');
  });

  it('takes only limits that are numbers above 0', () => {
    for (const maxBytes of [0, -1, Number.NaN, '1' as never]) {
      expect(() => createCodec({ maxBytes })).toThrow(InvalidArgumentError);
    }
  });
});
