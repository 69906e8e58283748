import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storableValue } from '../../test/support/any-value.js';
import { CodecError } from '../errors/errors.js';
import { createCodec, encode } from './codec.js';
import { inputDigest } from './digest.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** The same JSON with the members of every object in reverse. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const members = Object.entries(value).map(([key, item]) => [key, reversed(item)]);
  return Object.fromEntries(members.reverse());
}

describe('inputDigest', () => {
  it('is the start of the SHA-256 of canonical JSON', () => {
    expect(inputDigest(encode({ b: [1, { d: 'ä', c: null }], a: true }))).toBe(
      sha256('{"a":true,"b":[1,{"c":null,"d":"ä"}]}'),
    );
    expect(inputDigest(encode(undefined))).toBe(sha256('{"$":"undefined"}'));
    expect(inputDigest(encode({ '\ufb33': 1, '😀': 2, é: 3 }))).toBe(
      sha256('{"é":3,"😀":2,"\ufb33":1}'),
    );
  });

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const turned = JSON.stringify(reversed(value));
        expect(inputDigest(turned)).toBe(inputDigest(JSON.stringify(value)));
      }),
    );
  });

  it('tells different values apart', () => {
    const byDigest = new Map<string, string>();
    const canonical = (text: string) => JSON.stringify(sortKeys(JSON.parse(text)));
    fc.assert(
      fc.property(storableValue, (value) => {
        const text = encode(value);
        const digest = inputDigest(text);
        expect(digest).toMatch(/^[0-9a-f]{32}$/);
        expect(byDigest.get(digest) ?? canonical(text)).toBe(canonical(text));
        byDigest.set(digest, canonical(text));
      }),
      { numRuns: 1_000 },
    );
    expect(byDigest.size).toBeGreaterThan(300);
  });

  it.each([
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: '1' }],
    [[], {}],
    [0, -0],
    [{ a: undefined }, {}],
    [['a,b'], ['a', 'b']],
    [{ a: { b: 1 }, c: 1 }, { a: { b: 1, c: 1 } }],
    [new Date(0), new Date(0).toISOString()],
    [
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
  ])('tells %o from %o', (left, right) => {
    expect(inputDigest(encode(left))).not.toBe(inputDigest(encode(right)));
  });

  it('takes the deepest values that the codec makes, and refuses deeper text', () => {
    let value: unknown = 1;
    for (let level = 0; level < 1_000; level += 1) value = Object.assign([], { 1: value });
    expect(inputDigest(createCodec().encode(value))).toHaveLength(32);
    expect(() => inputDigest('['.repeat(100_000) + ']'.repeat(100_000))).toThrow(CodecError);
    expect(() => inputDigest('nonsense')).toThrow(CodecError);
  });
});

function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortKeys);
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, item]) => [key, sortKeys(item)]);
}
