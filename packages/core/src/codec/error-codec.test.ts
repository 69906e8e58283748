import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  ChildFailedError,
  CodecError,
  DuplicateRegistrationError,
  durableErrorClasses,
  FatalError,
  InvalidArgumentError,
  PayloadTooLargeError,
  RetryableError,
  UnserializableValueError,
} from '../errors/errors.js';
import { createCodec } from './codec.js';

class CardDeclined extends Error {
  override readonly name = 'CardDeclined';
  readonly reason: string;
  readonly at: Date;

  constructor(reason: string) {
    if (typeof reason !== 'string') throw new Error('the constructor ran without its arguments');
    super(`declined: ${reason}`);
    this.reason = reason;
    this.at = new Date(0);
  }

  get retryable(): boolean {
    return this.reason === 'busy';
  }
}

class StolenCard extends CardDeclined {}

const codec = createCodec();
const registered = createCodec({ errors: [CardDeclined] });

function roundTrip<T>(thrown: T, through = codec): T {
  return through.decodeError(through.encodeError(thrown)) as T;
}

describe('errors', () => {
  it('keep name, message, stack, cause and own properties', () => {
    const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), {
      code: 'E_CODE',
      when: new Date(1),
      nested: { big: 1n },
    });
    error.name = 'Special';
    const back = roundTrip(error);
    expect(back).not.toBe(error);
    expect(back).toBeInstanceOf(Error);
    expect({ ...back }).toEqual({ code: 'E_CODE', when: new Date(1), nested: { big: 1n } });
    expect([back.name, back.message, back.stack]).toEqual(['Special', 'outer', error.stack]);
    expect(back.cause).toBeInstanceOf(TypeError);
    expect(back.cause).toMatchObject({ message: 'inner', stack: (error.cause as Error).stack });
    expect(String(back)).toBe('Special: outer');
    expect(Object.keys(back)).not.toContain('message');
  });

  it('are native errors to everything that asks', () => {
    const back = roundTrip(new CardDeclined('busy'), registered);
    expect(Object.prototype.toString.call(back)).toBe('[object Error]');
    expect(structuredClone(back)).toBeInstanceOf(Error);
  });

  it.each([TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])(
    'of the built-in class %o stay instances of it',
    (errorClass) => {
      const back = roundTrip(new errorClass('m'));
      expect(back).toBeInstanceOf(errorClass);
      expect(Object.getPrototypeOf(back)).toBe(errorClass.prototype);
      expect(Object.hasOwn(back, 'name')).toBe(false);
    },
  );

  it('keep the errors of an AggregateError, and both of a SuppressedError', () => {
    const back = roundTrip(new AggregateError([new RangeError('a'), 'b', undefined], 'all'));
    expect(back).toBeInstanceOf(AggregateError);
    expect(back.errors).toEqual([new RangeError('a'), 'b', undefined]);
    expect(Object.keys(back)).toEqual([]);
    const hidden = { enumerable: false };
    const suppressed = Object.defineProperties(new Error('s'), {
      error: { ...hidden, value: new Error('1') },
      suppressed: { ...hidden, value: 2 },
    });
    expect(roundTrip(suppressed)).toMatchObject({ error: new Error('1'), suppressed: 2 });
  });

  it('keep an AbortError of AbortSignal', () => {
    const { reason } = AbortSignal.abort();
    const back = roundTrip(reason) as DOMException;
    expect(back).toBeInstanceOf(DOMException);
    expect([back.name, back.code, back.message, back.stack]).toEqual([
      'AbortError',
      20,
      reason.message,
      reason.stack,
    ]);
  });

  it('of an unknown class come back as Error with its name', () => {
    const back = roundTrip(new CardDeclined('busy'));
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype);
    expect(back).toMatchObject({ name: 'CardDeclined', message: 'declined: busy', reason: 'busy' });
    const namesake = Object.defineProperty(class extends Error {}, 'name', { value: 'TypeError' });
    expect(roundTrip(new namesake('m'))).not.toBeInstanceOf(TypeError);
    class Odd extends TypeError {}
    expect(roundTrip(new Odd('m'))).toBeInstanceOf(TypeError);
  });

  it('may lack a stack, and do not get another one', () => {
    const error = new Error('m');
    Reflect.deleteProperty(error, 'stack');
    expect(roundTrip(error).stack).toBeUndefined();
  });

  it('tell no cause from a cause that is undefined', () => {
    expect('cause' in roundTrip(new Error('m'))).toBe(false);
    expect('cause' in roundTrip(new Error('m', { cause: undefined }))).toBe(true);
  });

  it('have properties named like prototype members as data', () => {
    const back = roundTrip(
      Object.defineProperty(new Error('m'), '__proto__', { value: { a: 1 }, enumerable: true }),
    );
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype);
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ a: 1 });
  });

  it('come from another realm too', () => {
    expect(roundTrip(runInNewContext('new RangeError("m")'))).toBeInstanceOf(RangeError);
  });

  it('named by hostile text reach registered classes alone', () => {
    for (const name of [
      'Object',
      'Function',
      'constructor',
      '__proto__',
      'Promise',
      'FatalError',
    ]) {
      const text = `{"$error":{"class":${JSON.stringify(name)},"name":"E","message":"m"}}`;
      expect(Object.getPrototypeOf(codec.decodeError(text))).toBe(Error.prototype);
    }
    expect(() => codec.decodeError('{"$error":{"name":"E","message":"m","props":[]}}')).toThrow(
      CodecError,
    );
  });
});

describe('registered error classes', () => {
  it('come back as instances, without their constructor', () => {
    const back = roundTrip(new CardDeclined('busy'), registered);
    expect(back).toBeInstanceOf(CardDeclined);
    expect(back).toMatchObject({ reason: 'busy', at: new Date(0), retryable: true });
  });

  it('stand in for subclasses that are not registered', () => {
    const back = roundTrip(new StolenCard('stolen'), registered);
    expect(Object.getPrototypeOf(back)).toBe(CardDeclined.prototype);
    const both = createCodec({ errors: [CardDeclined, StolenCard] });
    expect(roundTrip(new StolenCard('stolen'), both)).toBeInstanceOf(StolenCard);
  });

  it('need a name of their own, and to be errors', () => {
    const twin = { CardDeclined: class CardDeclined extends Error {} };
    const builtIn = Object.defineProperty(class extends Error {}, 'name', { value: 'TypeError' });
    expect(() => createCodec({ errors: [CardDeclined, twin.CardDeclined] })).toThrow(
      DuplicateRegistrationError,
    );
    expect(() => createCodec({ errors: [builtIn] })).toThrow(DuplicateRegistrationError);
    expect(() => createCodec({ errors: [CardDeclined, CardDeclined] })).not.toThrow();
    expect(() => createCodec({ errors: [class extends Error {}] })).toThrow(InvalidArgumentError);
    for (const wrong of [Map, {}, null, () => {}]) {
      expect(() => createCodec({ errors: [wrong as never] })).toThrow(InvalidArgumentError);
    }
  });

  it('may have the names of our own classes', () => {
    const theirs = { FatalError: class FatalError extends Error {} };
    const both = createCodec({ errors: [theirs.FatalError] });
    expect(roundTrip(new theirs.FatalError('m'), both)).toBeInstanceOf(theirs.FatalError);
    expect(roundTrip(new theirs.FatalError('m'), both)).not.toBeInstanceOf(FatalError);
    expect(roundTrip(new FatalError('m'), both)).toBeInstanceOf(FatalError);
  });
});

describe('errors of this package', () => {
  it.each(durableErrorClasses.map((errorClass) => [errorClass.name, errorClass] as const))(
    '%s comes back as itself',
    (_name, errorClass) => {
      const made = Object.create(errorClass.prototype) as Error;
      Object.assign(made, { code: 'CODE', fields: { id: 'r', list: [1n] } });
      const back = roundTrip(made);
      expect(back).toBeInstanceOf(errorClass);
      expect(Object.getPrototypeOf(back)).toBe(errorClass.prototype);
      expect({ ...back }).toEqual({ code: 'CODE', fields: { id: 'r', list: [1n] } });
    },
  );

  it('keep what the engine needs of them', () => {
    const retry = roundTrip(new RetryableError('later', { after: new Date(5), fields: { a: 1 } }));
    expect(retry).toBeInstanceOf(RetryableError);
    expect([retry.after, retry.fields]).toEqual([new Date(5), { a: 1 }]);
    const child = new ChildFailedError({
      childRunId: 'c',
      workflow: 'w',
      cause: new FatalError('x'),
    });
    expect(roundTrip(child).cause).toBeInstanceOf(FatalError);
    expect(roundTrip(child).message).toContain('FatalError: x');
  });

  it("bring users' subclasses back as the class they extend, with their name", () => {
    class Expired extends FatalError {}
    const back = roundTrip(new Expired('m'));
    expect(back).toBeInstanceOf(FatalError);
    expect(back.name).toBe('Expired');
  });
});

describe('encodeError', () => {
  it.each([
    ['text'],
    [1n],
    [undefined],
    [null],
    [Number.NaN],
    [{ code: 1, list: [] }],
    [[new Map()]],
  ])('keeps the thrown value %o', (thrown) => {
    expect(roundTrip(thrown)).toEqual(thrown);
  });

  it('leaves out what cannot be stored, at the innermost error that has it', () => {
    const inner = Object.assign(new Error('inner'), { socket: new WeakMap(), status: 503 });
    const error = Object.assign(new Error('outer', { cause: inner }), {
      config: { headers: { get: () => 1 } },
      code: 'E',
      [Symbol('s')]: 1,
    });
    const text = codec.encodeError(error);
    expect(JSON.parse(text)).toMatchObject({
      $error: { dropped: ['config'], cause: { $error: { dropped: ['socket'] } } },
    });
    const back = codec.decodeError(text) as Error;
    expect({ ...back }).toEqual({ code: 'E' });
    expect({ ...(back.cause as Error) }).toEqual({ status: 503 });
    expect(() => codec.encode(error)).toThrow(UnserializableValueError);
  });

  it('survives causes that go in circles, and endless ones', () => {
    const loop = new Error('loop');
    loop.cause = new Error('inner', { cause: loop });
    expect((roundTrip(loop).cause as Error).message).toBe('inner');
    expect('cause' in (roundTrip(loop).cause as Error)).toBe(false);
    let long = new Error('first');
    for (let index = 0; index < 5_000; index += 1) long = new Error('next', { cause: long });
    expect(roundTrip(long).message).toBe('next');
  });

  it('survives getters, proxies and odd properties', () => {
    const hostile = new Error('m');
    Object.defineProperty(hostile, 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    Object.defineProperty(hostile, 'stack', {
      get: () => {
        throw new Error('no');
      },
    });
    Object.defineProperty(hostile, 'fine', { value: 1, enumerable: true });
    expect({ ...roundTrip(hostile), message: roundTrip(hostile).message }).toEqual({
      fine: 1,
      message: '',
    });
    const fail = () => {
      throw new Error('trap');
    };
    const proxy = new Proxy(new Error('m'), {
      get: fail,
      ownKeys: fail,
      getOwnPropertyDescriptor: fail,
      getPrototypeOf: fail,
    });
    expect(roundTrip<unknown>(proxy)).toBeInstanceOf(UnserializableValueError);
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(roundTrip<unknown>(revoked)).toBeInstanceOf(UnserializableValueError);
    expect(roundTrip(Object.assign(new Error('m'), { message: { code: 1 } })).message).toEqual({
      code: 1,
    });
  });

  it('says why a thrown value that is no error could not be kept', () => {
    const back = roundTrip<unknown>(function handler() {});
    expect(back).toBeInstanceOf(UnserializableValueError);
    expect((back as Error).message).toContain(
      'The thrown value cannot be stored: $ is the function "handler"',
    );
    expect(roundTrip<unknown>('x'.repeat(3_000_000))).toBeInstanceOf(PayloadTooLargeError);
  });
});
