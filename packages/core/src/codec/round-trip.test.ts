import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { hostileJson, hostileKeys, storableValue } from '../../test/support/any-value.js';
import { sameValue } from '../../test/support/same-value.js';
import { CodecError, UnserializableValueError } from '../errors/errors.js';
import { createCodec, decode, encode } from './codec.js';

const prototypes = [Object, Array, Function, Map, Set, Date, Error, TypeError, URL, Buffer];

/** Every property of every built-in prototype that hostile text might try to change. */
function prototypeState(): unknown[] {
  return prototypes.map(({ prototype }) =>
    Reflect.ownKeys(prototype).map((key) => [
      key,
      Object.getOwnPropertyDescriptor(prototype, key)?.value,
    ]),
  );
}

const pristine = prototypeState();
const objectKeys = Reflect.ownKeys(Object.prototype).length;

afterEach(() => {
  expect(prototypeState()).toEqual(pristine);
});

function decodeOrNull(text: string): { readonly value: unknown } | null {
  try {
    return { value: decode(text) };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}

function decodeSafely(text: string): { readonly value: unknown } | null {
  const outcome = decodeOrNull(text);
  if (Reflect.ownKeys(Object.prototype).length !== objectKeys) throw new Error('polluted');
  return outcome;
}

describe('sameValue, on which these tests rest', () => {
  it.each([
    [0, -0],
    [{ a: undefined }, {}],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{}, Object.create(null)],
    [[undefined], new Array(1)],
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
    [new Uint8Array(1), Buffer.alloc(1)],
    [new Float64Array([0]), new Float64Array([-0])],
    [new Error('a'), new TypeError('a')],
    [new Error('a', { cause: 1 }), new Error('a')],
    [new URL('http://a'), new URL('http://b')],
    [new Date(0), new Date(Number.NaN)],
  ])('tells %o from %o', (left, right) => {
    expect(sameValue(left, right)).toBe(false);
    expect(sameValue(left, left)).toBe(true);
  });
});

describe('round trip', () => {
  it('is tried on values of every kind and depth', () => {
    const texts = fc
      .sample(storableValue, { numRuns: 3_000, seed: 1 })
      .map((value) => encode(value));
    const tags = [
      '$date',
      '$map',
      '$set',
      '$dict',
      '$sparse',
      '$bytes',
      '$url',
      '$error',
      '$$',
      '$',
    ];
    for (const tag of tags) {
      const count = texts.filter((text) => text.includes(`{"${tag}`)).length;
      expect({ tag, count }).toMatchObject({ count: expect.toSatisfy((n: number) => n > 20) });
    }
    expect(texts.filter((text) => /(?:[[{][^\]}]*){6}/.test(text)).length).toBeGreaterThan(50);
  });

  it('gives back every storable value as it was', () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        const text = encode(value);
        const back = decode(text);
        expect(sameValue(back, value)).toBe(true);
        expect(encode(back)).toBe(text);
      }),
      { numRuns: 3_000 },
    );
  });

  it('keeps or refuses anything, and never changes it', () => {
    const options = { withBigInt: true, withBoxedValues: true, withDate: true, withMap: true };
    const more = { withNullPrototype: true, withObjectString: true, withSet: true };
    const anything = fc.anything({
      ...options,
      ...more,
      withTypedArray: true,
      withSparseArray: true,
    });
    let kept = 0;
    fc.assert(
      fc.property(anything, (value) => {
        let text: string;
        try {
          text = encode(value);
        } catch (error) {
          expect(error).toBeInstanceOf(UnserializableValueError);
          return;
        }
        kept += 1;
        expect(sameValue(decode(text), value)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(kept).toBeGreaterThan(200);
  });

  it('writes plain JSON as JSON.stringify does, unless an object looks like a tag', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes('"$') && !Object.is(value, -0));
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(encode(plain)).toBe(JSON.stringify(plain));
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives back errors as errors, twice the same', () => {
    fc.assert(
      fc.property(storableValue, (thrown) => {
        const codec = createCodec();
        const text = codec.encodeError(thrown);
        const back = codec.decodeError(text);
        expect(sameValue(back, thrown)).toBe(true);
        expect(codec.encodeError(back)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it('makes text that any UTF-8 database column takes', () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        const text = encode(value);
        expect(Buffer.from(text).toString()).toBe(text);
        expect([...text].filter((character) => character < ' ')).toEqual([]);
      }),
    );
  });
});

describe('keys that have harmed serializers', () => {
  const nested = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'medium' }, fc.constant({ polluted: true }), tie('object')),
    object: fc.array(fc.tuple(fc.constantFrom(...hostileKeys), tie('value')), {
      minLength: 1,
      maxLength: 3,
    }),
  })).value;

  /** Text of an object that has these members literally, as JSON.parse would read it. */
  function toJson(value: unknown): string {
    if (!Array.isArray(value)) return JSON.stringify(value);
    return `{${value.map(([key, item]) => `${JSON.stringify(key)}:${toJson(item)}`)}}`;
  }

  it('are data at every depth, and reach no prototype', () => {
    fc.assert(
      fc.property(nested, (tree) => {
        const value: unknown = JSON.parse(toJson(tree));
        const back = decodeSafely(encode(value));
        expect(sameValue(back?.value, value)).toBe(true);
        expect(Object.getPrototypeOf(back?.value)).toBe(Object.prototype);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it('do no harm in text that encode has not made', () => {
    fc.assert(
      fc.property(nested, (tree) => {
        decodeSafely(toJson(tree));
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('decode of hostile text', () => {
  it('answers any text with a value or a CodecError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        decodeSafely(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it('answers look-alikes of its own tags with a value that it can store again, or a CodecError', () => {
    const outcomes = { kept: 0, refused: 0 };
    fc.assert(
      fc.property(hostileJson, (text) => {
        const first = decodeSafely(text);
        outcomes[first === null ? 'refused' : 'kept'] += 1;
        if (first === null) return;
        const stored = encode(first.value);
        expect(encode(decode(stored))).toBe(stored);
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(outcomes.kept, outcomes.refused)).toBeGreaterThan(200);
  });

  it('answers damaged text with a value or a CodecError', () => {
    const damage = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.string({ maxLength: 3 }),
        fc.constantFrom('"$', '$', '{"$date":', ']', '}', '\\u0024', '__proto__'),
      ),
    });
    fc.assert(
      fc.property(
        storableValue,
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        (value, damages) => {
          let text = encode(value);
          for (const { at, remove, insert } of damages) {
            const start = at % (text.length + 1);
            text = text.slice(0, start) + insert + text.slice(start + remove);
          }
          decodeSafely(text);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
