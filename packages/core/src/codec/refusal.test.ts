import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { CodecError, UnserializableValueError } from '../errors/errors.js';
import { type ClassCodec, createCodec, decode, encode } from './codec.js';

class Money {
  readonly cents: unknown;

  constructor(cents: unknown) {
    this.cents = cents;
  }
}

const moneyCodec: ClassCodec<Money> = {
  name: 'Money',
  class: Money,
  encode: ({ cents }) => cents,
  decode: (cents) => new Money(cents),
};

/** The error of a call that has to throw. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('values that are refused', () => {
  const cycle: Record<string, unknown> = { list: [] };
  (cycle.list as unknown[]).push({ back: cycle });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const match = /b/.exec('abc');

  it.each<[string, unknown, string, string]>([
    ['a function', { items: [1, { fn: () => 1 }] }, '$.items[1].fn', 'is the function "fn"'],
    ['an own toJSON', { a: { toJSON: () => 1 } }, '$.a.toJSON', 'is the function "toJSON"'],
    ['a symbol', [Symbol('s')], '$[0]', 'is a symbol'],
    ['a symbol key', { a: { [Symbol('s')]: 1 } }, '$.a', 'has the key Symbol(s)'],
    ['a class instance', { 'odd key': new Money(1n) }, '$["odd key"]', 'is an instance of Money'],
    [
      'a subclass of a built-in',
      [new (class Moment extends Date {})()],
      '$[0]',
      'is an instance of Moment',
    ],
    ['a subclass of Array', new (class List extends Array {})(), '$', 'is an instance of List'],
    [
      'an inherited prototype',
      Object.create({ a: 1 }),
      '$',
      'is an object with a prototype of its own',
    ],
    ['a cycle', cycle, '$.list[0].back', 'refers back to $, which contains it'],
    ['a Promise', { p: Promise.resolve(1) }, '$.p', 'is a Promise'],
    ['a RegExp', /a/, '$', 'is a RegExp'],
    ['a WeakMap', [new WeakMap()], '$[0]', 'is an instance of WeakMap'],
    ['a boxed primitive', [Object('s')], '$[0]', 'is a boxed primitive'],
    ['a proxy of a Date', [new Proxy(new Date(), {})], '$[0]', 'is a Proxy of something special'],
    ['a revoked proxy', { p: revoked.proxy }, '$.p', 'could not be read'],
    [
      'a getter that throws',
      {
        a: {
          get b() {
            throw new Error('no');
          },
        },
      },
      '$.a.b',
      'could not be read',
    ],
    ['a namespace object', { m: Math }, '$.m', 'is not a plain object'],
    [
      'arguments',
      (function () {
        // biome-ignore lint/complexity/noArguments: it is the value under test.
        return arguments;
      })(),
      '$',
      'is not a plain object',
    ],
    ['an array with properties', { match }, '$.match', 'has the extra property "index"'],
    [
      'a Map with properties',
      Object.assign(new Map(), { a: 1 }),
      '$',
      'has the extra property "a"',
    ],
    [
      'a Date with properties',
      Object.assign(new Date(), { a: 1 }),
      '$',
      'has the extra property "a"',
    ],
    [
      'shared memory',
      new Uint8Array(new SharedArrayBuffer(1)),
      '$',
      'is an instance of Uint8Array',
    ],
    ['a function in a Map key', new Map([[() => 1, 1]]), '$.keys()[0]', 'is a function'],
    [
      'a function in a Map value',
      new Map([
        [1, 1],
        [2, vi.fn()],
      ] as never),
      '$.values()[1]',
      'is the function',
    ],
    [
      'a function in a Set',
      new Set([[parseInt]]),
      '$.values()[0][0]',
      'is the function "parseInt"',
    ],
    [
      'a function of an Error',
      Object.assign(new Error('e'), { fn() {} }),
      '$.fn',
      'is the function "fn"',
    ],
    [
      'a symbol key of an Error',
      { e: Object.assign(new Error('e'), { [Symbol('s')]: 1 }) },
      '$.e',
      'has the key Symbol(s)',
    ],
    [
      'a subclass that has the name of its base, of another realm',
      [runInNewContext('const Base = Date; new (class Date extends Base {})()')],
      '$[0]',
      'is an instance of Date',
    ],
    [
      'a class of another realm that is called Object',
      [runInNewContext('new (class Object {})()')],
      '$[0]',
      'is an object with a prototype of its own',
    ],
    [
      'a hole beside a property',
      Object.assign(new Array(3), { 0: 1, 2: 3, x: 1 }),
      '$',
      'has the extra property "x"',
    ],
  ])('names %s and its path', (_name, value, path, problem) => {
    const error = thrownBy(() => encode(value, { field: 'the output of step "s"' }));
    expect(error).toBeInstanceOf(UnserializableValueError);
    expect(error).toMatchObject({
      code: 'UNSERIALIZABLE_VALUE',
      httpStatus: 400,
      fields: { path },
    });
    expect(String(error)).toContain(`the output of step "s" cannot be stored: ${path} ${problem}`);
  });

  it('does not take the same object twice for a cycle', () => {
    const leaf = {};
    expect(encode([leaf, { leaf }, [leaf]])).toBe('[{},{"leaf":{}},[{}]]');
  });
});

describe('nesting', () => {
  const codec = createCodec({ classes: [moneyCodec], maxBytes: Infinity });
  const error = (options: ErrorOptions) => Object.assign(new Error('e', options), { stack: 's' });

  it.each<[string, (inner: unknown) => unknown]>([
    ['arrays', (inner) => [inner]],
    ['objects', (inner) => ({ inner })],
    ['tag look-alikes', (inner) => ({ $map: inner })],
    ['null-prototype objects', (inner) => Object.assign(Object.create(null), { inner })],
    ['Map values', (inner) => new Map([[1, inner]])],
    ['Map keys', (inner) => new Map([[inner, 1]])],
    ['Sets', (inner) => new Set([inner])],
    ['sparse arrays', (inner) => Object.assign([], { 2: inner })],
    ['causes', (cause) => error({ cause })],
    ['error properties', (inner) => Object.assign(error({}), { inner })],
    ['class codecs', (inner) => new Money(inner)],
  ])('of %s goes 1,000 deep and no deeper', (_name, wrap) => {
    let value: unknown = 1;
    for (let level = 0; level < 1_000; level += 1) value = wrap(value);
    const text = codec.encode(value);
    expect(codec.encode(codec.decode(text))).toBe(text);
    const refusal = thrownBy(() => codec.encode(wrap(value)));
    expect(refusal).toBeInstanceOf(UnserializableValueError);
    expect(String(refusal)).toContain('is nested deeper than 1000 levels');
    expect(String(refusal).length).toBeLessThan(1_000);
  });

  it.each<[string, string]>([
    ['arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['sets', `${'{"$set":['.repeat(100_000)}${']}'.repeat(100_000)}`],
    [
      'errors',
      `${'{"$error":{"name":"E","message":"","cause":'.repeat(5_000)}1${'}}'.repeat(5_000)}`,
    ],
    ['one level too many', '['.repeat(1_001) + ']'.repeat(1_001)],
  ])('of hostile %s is a CodecError', (_name, text) => {
    expect(() => decode(text)).toThrow(CodecError);
  });
});
