import fc from 'fast-check';

/** Keys that have harmed serializers: prototype members, tags of the codec, keys of array-likes, odd text. */
export const hostileKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toJSON',
  'toString',
  'hasOwnProperty',
  'then',
  'length',
  'name',
  'stack',
  '$',
  '$$',
  '$date',
  '$$date',
  '$map',
  '$error',
  '$class',
  '$v',
  '0',
  '',
  '\u0000',
  '\ud800',
  'ключ 🔑',
];

const key = fc.oneof(fc.constantFrom(...hostileKeys), fc.string({ unit: 'binary' }));

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('undefined', '{"$":"NaN"}', '\u2028', '\u0000', '\udfff\ud800', '$', '__proto__'),
);

const date = fc.oneof(fc.date({ noInvalidDate: false }), fc.constant(new Date(8.64e15)));

const binary = fc.uint8Array().chain((bytes) => {
  const whole = (width: number) => bytes.slice(0, bytes.length - (bytes.length % width)).buffer;
  return fc.constantFrom<object>(
    Buffer.from(bytes),
    bytes.buffer,
    new DataView(bytes.buffer),
    bytes.subarray(1),
    new Int8Array(bytes),
    new Uint8ClampedArray(bytes),
    new Int16Array(whole(2)),
    new Uint16Array(whole(2)),
    new Int32Array(whole(4)),
    new Uint32Array(whole(4)),
    new Float32Array(whole(4)),
    new Float64Array(whole(8)),
    new BigInt64Array(whole(8)),
    new BigUint64Array(whole(8)),
  );
});

const leaf = fc.oneof(
  { weight: 3, arbitrary: text },
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.bigInt(),
  fc.constantFrom<unknown>(null, undefined, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 + 2),
  date,
  binary,
  fc.webUrl({ withQueryParameters: true, withFragments: true }).map((url) => new URL(url)),
);

function define(target: object, entries: readonly (readonly [string, unknown])[]): object {
  for (const [name, value] of entries) {
    const attributes = { value, enumerable: true, writable: true, configurable: true };
    Object.defineProperty(target, name, attributes);
  }
  return target;
}

function withHoles(items: readonly unknown[], holes: readonly number[]): unknown[] {
  const array = [...items];
  for (const hole of holes) delete array[hole % (array.length + 1)];
  return array;
}

const errorClasses = [Error, TypeError, RangeError, SyntaxError, URIError, EvalError] as const;

const RESERVED = new Set(['name', 'message', 'stack', 'cause', 'errors', 'error', 'suppressed']);

interface ErrorParts {
  readonly errorClass: (typeof errorClasses)[number];
  readonly message: string;
  readonly cause: unknown;
  readonly entries: readonly (readonly [string, unknown])[];
}

function makeError({ errorClass, message, cause, entries }: ErrorParts): Error {
  const error = cause === undefined ? new errorClass(message) : new errorClass(message, { cause });
  return define(
    error,
    entries.filter(([name]) => !RESERVED.has(name)),
  ) as Error;
}

/**
 * Any value that the codec promises to keep, of every kind, nested in every kind of container. `roots` says which
 * containers may be there, for tests that want to plant something in them.
 */
export const storableValue: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const entries = fc.array(fc.tuple(key, tie('value')), { maxLength: 4 });
  const items = fc.array(tie('value'), { maxLength: 4 });
  return {
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('container')),
    container: fc.oneof(
      { weight: 4, arbitrary: entries.map((list) => define({}, list)) },
      { weight: 3, arbitrary: items },
      entries.map((list) => define(Object.create(null), list)),
      fc.tuple(items, fc.array(fc.nat(9), { maxLength: 3 })).map(([i, h]) => withHoles(i, h)),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((list) => new Map(list)),
      items.map((list) => new Set(list)),
      fc
        .record({
          errorClass: fc.constantFrom(...errorClasses),
          message: text,
          cause: tie('value'),
          entries,
        })
        .map(makeError),
      fc.tuple(items, text).map(([errors, message]) => new AggregateError(errors, message)),
    ),
  };
}).value;

/** JSON whose objects often look like the codec's tags, with the wrong content as a rule. */
export const hostileJson: fc.Arbitrary<string> = fc
  .letrec((tie) => ({
    value: fc.oneof({ depthSize: 'medium', withCrossShrink: true }, fc.jsonValue(), tie('node')),
    node: fc.oneof(
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .tuple(
          fc.constantFrom(
            ...['$', '$$x', '$bigint', '$bytes', '$class', '$date', '$dict', '$error', '$map'],
            ...['$set', '$sparse', '$url', '$v', '$unknown', '__proto__', 'constructor'],
          ),
          fc.oneof(tie('value'), tie('payload')),
        )
        .map(([tag, payload]) => define({}, [[tag, payload]])),
    ),
    payload: fc.oneof(
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }),
      fc.tuple(fc.nat(20), fc.array(fc.tuple(fc.nat(20), tie('value')), { maxLength: 3 })),
      fc.tuple(fc.constantFrom('Uint8Array', 'Float64Array', 'Buffer'), fc.base64String()),
      fc.constantFrom('NaN', '-0', '12', '1970-01-01T00:00:00.000Z', 'http://a.b/', 'constructor'),
      fc.record(
        {
          class: fc.constantFrom('TypeError', 'DOMException', 'durable/FatalError', 'Object'),
          name: tie('value'),
          message: tie('value'),
          stack: tie('value'),
          cause: tie('value'),
          errors: tie('value'),
          props: fc
            .array(fc.tuple(key, tie('value')), { maxLength: 3 })
            .map((list) => define({}, list)),
        },
        { requiredKeys: ['name', 'message'] },
      ),
    ),
  }))
  .value.map((value) => JSON.stringify(value));
