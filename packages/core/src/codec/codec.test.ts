import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CodecError, DuplicateRegistrationError, InvalidArgumentError } from '../errors/errors.js';
import { type ClassCodec, createCodec, decode, encode } from './codec.js';

class Money {
  readonly cents: bigint;
  readonly currency: string;

  constructor(cents: bigint, currency: string) {
    this.cents = cents;
    this.currency = currency;
  }
}

const moneyCodec: ClassCodec<Money> = {
  name: 'Money',
  class: Money,
  encode: ({ cents, currency }) => ({ cents, currency }),
  decode: (data) => {
    const { cents, currency } = data as { cents: bigint; currency: string };
    return new Money(cents, currency);
  },
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

describe('the text of a value', () => {
  it.each<[unknown, string]>([
    [
      { ok: true, n: 1.5, s: 'a"b', list: [null, [], {}] },
      '{"ok":true,"n":1.5,"s":"a\\"b","list":[null,[],{}]}',
    ],
    [undefined, '{"$":"undefined"}'],
    [
      [undefined, Number.NaN, Infinity, -Infinity, -0, 0],
      '[{"$":"undefined"},{"$":"NaN"},{"$":"Infinity"},{"$":"-Infinity"},{"$":"-0"},0]',
    ],
    [{ a: undefined }, '{"a":{"$":"undefined"}}'],
    [-12345678901234567890n, '{"$bigint":"-12345678901234567890"}'],
    [new Date(1), '{"$date":"1970-01-01T00:00:00.001Z"}'],
    [new Date(Number.NaN), '{"$date":null}'],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Set([2])],
      ]),
      '{"$map":[["a",1],[{"k":1},{"$set":[2]}]]}',
    ],
    [new Uint16Array([1, 256]), '{"$bytes":["Uint16Array","AQAAAQ=="]}'],
    [Buffer.from('hi'), '{"$bytes":["Buffer","aGk="]}'],
    [new URL('https://example.com/ä?q=1'), '{"$url":"https://example.com/%C3%A4?q=1"}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"$dict":{"a":1}}'],
    // biome-ignore lint/suspicious/noSparseArray: holes are the point.
    [[1, , 3], '{"$sparse":[3,[[0,1],[2,3]]]}'],
    ['\u0000\ud800', '"\\u0000\\ud800"'],
    [2 ** 53 + 2, '9007199254740994'],
    [1e21, '1e+21'],
  ])('of %o is stable', (value, text) => {
    expect(encode(value)).toBe(text);
    expect(encode(decode(text))).toBe(text);
  });

  it.each<[unknown, string]>([
    [{ $date: 'today' }, '{"$$date":"today"}'],
    [{ $$date: 1 }, '{"$$$date":1}'],
    [{ $: 'undefined' }, '{"$$":"undefined"}'],
    [{ $set: { a: 1 } }, '{"$$set":{"a":1}}'],
    [{ $date: 1, other: 2 }, '{"$date":1,"other":2}'],
    ['{"$":"NaN"}', '"{\\"$\\":\\"NaN\\"}"'],
  ])('of the look-alike %o is escaped', (value, text) => {
    expect(encode(value)).toBe(text);
    expect(decode(text)).toEqual(value);
  });

  it('is read from text with white space and escaped tags', () => {
    expect(decode(' { "a" : { "$bigint" : "1" } } ')).toEqual({ a: 1n });
    expect(decode('{"\\u0024bigint":"1"}')).toBe(1n);
  });
});

describe('values that come back', () => {
  it('has every view of memory, with its own bytes alone', () => {
    const memory = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const middle = decode(encode(new Uint8Array(memory, 2, 3)));
    expect(middle).toEqual(new Uint8Array([3, 4, 5]));
    expect((middle as Uint8Array).buffer.byteLength).toBe(3);
    expect(new Uint8Array(decode(encode(memory)) as ArrayBuffer)).toEqual(new Uint8Array(memory));
    const view = decode(encode(new DataView(memory, 1, 2))) as DataView;
    expect([view.byteLength, view.getUint16(0)]).toEqual([2, 0x0203]);
    expect(decode(encode(new BigInt64Array([-1n])))).toEqual(new BigInt64Array([-1n]));
  });

  it('has shared references as copies', () => {
    const shared = { n: 1 };
    const back = decode(encode({ a: shared, b: shared })) as { a: object; b: object };
    expect(back).toEqual({ a: { n: 1 }, b: { n: 1 } });
    expect(back.a).not.toBe(back.b);
  });

  it('has the value of a getter, which is read once', () => {
    let reads = 0;
    const value = {
      get n() {
        reads += 1;
        return reads === 1 ? 1 : () => {};
      },
    };
    expect(decode(encode(value))).toEqual({ n: 1 });
    expect(reads).toBe(1);
  });

  it('has what a proxy of plain data shows', () => {
    const value = new Proxy({ a: [1], b: new Proxy([2], {}) }, {});
    expect(encode(value)).toBe('{"a":[1],"b":[2]}');
  });

  it('leaves out properties that are not enumerable', () => {
    expect(encode(Object.defineProperty({ a: 1 }, 'hidden', { value: 2 }))).toBe('{"a":1}');
  });

  it('may come from another realm', () => {
    const script = `({ date: new Date(0), map: new Map([[1, [2]]]), bytes: new Uint8Array([1]), error: new TypeError('x') })`;
    const back = decode(encode(runInNewContext(script)));
    expect(back).toEqual({
      date: new Date(0),
      map: new Map([[1, [2]]]),
      bytes: new Uint8Array([1]),
      error: new TypeError('x'),
    });
    expect((back as { error: unknown }).error).toBeInstanceOf(TypeError);
  });

  it('takes no memory for the holes of a long array', () => {
    const before = process.memoryUsage().heapUsed;
    const back = decode('{"$sparse":[30000000,[[29999999,1]]]}') as unknown[];
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
    expect([back.length, back.at(-1)]).toEqual([30_000_000, 1]);
  });
});

describe('decode', () => {
  it.each<[string, string]>([
    ['empty text', ''],
    ['cut off', '{"a":[1,'],
    ['an unknown tag', '{"$regexp":"a"}'],
    ['a tag named like a prototype member', '{"$constructor":1}'],
    ['a newer version', '{"$v":[2,{"a":1}]}'],
    ['an unknown constant', '{"$":"null"}'],
    ['an unknown class', '{"$class":["Money",1]}'],
    ['a class named like a prototype member', '{"$class":["constructor",1]}'],
    ['a bad BigInt', '{"$bigint":"1n"}'],
    ['an empty BigInt', '{"$bigint":""}'],
    ['a date in another form', '{"$date":"1970-01-01"}'],
    ['a damaged date', '{"$date":"1970-13-01T00:00:00.000Z"}'],
    ['a date that is a number', '{"$date":0}'],
    ['a damaged URL', '{"$url":"::"}'],
    ['a URL in another form', '{"$url":"HTTP://a"}'],
    ['a map that is an object', '{"$map":{"a":1}}'],
    ['a map entry of three', '{"$map":[[1,2,3]]}'],
    ['a map with a key twice', '{"$map":[[1,2],[1,3]]}'],
    ['a set with an item twice', '{"$set":[1,1]}'],
    ['bytes that are not base64', '{"$bytes":["Uint8Array","a*=="]}'],
    ['bytes of no whole element', '{"$bytes":["Uint32Array","AQ=="]}'],
    ['bytes of an unknown kind', '{"$bytes":["Function","AQ=="]}'],
    ['a dict that is an array', '{"$dict":[]}'],
    ['a sparse array with an item outside', '{"$sparse":[1,[[1,1]]]}'],
    ['a sparse array with an item twice', '{"$sparse":[2,[[1,1],[1,2]]]}'],
    ['a sparse array of no length', '{"$sparse":[-1,[]]}'],
    ['a sparse array that is too long', '{"$sparse":[4294967296,[]]}'],
    ['an error without a name', '{"$error":{"message":"m"}}'],
    ['an error that is an array', '{"$error":["m"]}'],
  ])('refuses %s', (_name, text) => {
    expect(() => decode(text)).toThrow(CodecError);
  });

  it('refuses what is not a string', () => {
    for (const text of [null, undefined, 1, {}, Buffer.from('1')]) {
      expect(() => decode(text as never)).toThrow(CodecError);
    }
  });

  it('does not quote the text, which may be secret', () => {
    expect(String(thrownBy(() => decode('hunter2')))).not.toContain('hunter2');
  });

  it('keeps __proto__ and constructor as data', () => {
    const back = decode(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":{"$":"NaN"}}}}',
    ) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor']);
    expect('polluted' in back).toBe(false);
    expect('polluted' in {}).toBe(false);
  });
});

describe('registered classes', () => {
  const codec = createCodec({ classes: [moneyCodec] });

  it('come back as themselves, with special values inside', () => {
    const text = codec.encode({ total: new Money(5n, 'EUR') });
    expect(text).toBe('{"total":{"$class":["Money",{"cents":{"$bigint":"5"},"currency":"EUR"}]}}');
    const { total } = codec.decode(text) as { total: Money };
    expect(total).toBeInstanceOf(Money);
    expect(total).toEqual(new Money(5n, 'EUR'));
  });

  it('do not cover subclasses', () => {
    class Tip extends Money {}
    expect(() => codec.encode(new Tip(1n, 'EUR'))).toThrow('$ is an instance of Tip');
  });

  it('name the path of what their data cannot hold, and of what their encoder throws', () => {
    const bad = createCodec({ classes: [{ ...moneyCodec, encode: () => ({ fn: () => 1 }) }] });
    expect(thrownBy(() => bad.encode([new Money(1n, '')]))).toMatchObject({
      fields: { path: '$[0].fn' },
    });
    const cause = new Error('no');
    const failing = createCodec({
      classes: [
        {
          ...moneyCodec,
          encode: () => {
            throw cause;
          },
        },
      ],
    });
    expect(thrownBy(() => failing.encode([new Money(1n, '')]))).toMatchObject({
      fields: { path: '$[0]' },
      cause,
    });
  });

  it('may refuse their data: a CodecError with the cause', () => {
    const error = thrownBy(() => codec.decode('{"$class":["Money",null]}'));
    expect(error).toBeInstanceOf(CodecError);
    expect((error as CodecError).cause).toBeInstanceOf(TypeError);
  });

  it('need a name and a class of their own', () => {
    expect(() => createCodec({ classes: [moneyCodec, { ...moneyCodec, class: Map }] })).toThrow(
      DuplicateRegistrationError,
    );
    expect(() => createCodec({ classes: [moneyCodec, { ...moneyCodec, name: 'Other' }] })).toThrow(
      DuplicateRegistrationError,
    );
    expect(() => createCodec({ classes: [{ ...moneyCodec, name: '' }] })).toThrow(
      InvalidArgumentError,
    );
    expect(() => createCodec({ classes: [{ ...moneyCodec, class: {} as never }] })).toThrow(
      InvalidArgumentError,
    );
  });
});
