import { describeKind } from '../errors/describe-kind.js';
import { errorBrand } from '../errors/durable-error.js';
import {
  DuplicateRegistrationError,
  durableErrorClasses,
  InvalidArgumentError,
} from '../errors/errors.js';
import { isNativePrototype, type NativeClass } from './natives.js';

/** A class that extends Error; its instances come back as instances of it, without its constructor being run. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** How the instances of one class are stored. Subclasses are not included: they need a codec of their own. */
export interface ClassCodec<T extends object = object> {
  /** Stored with each value: stable across releases and minifiers, unique within a codec. */
  readonly name: string;
  readonly class: abstract new (...args: never[]) => T;
  /** Plain data from which `decode` makes an equal instance; may hold whatever else the codec can store. */
  encode(value: T): unknown;
  /** Must not have effects: it runs at each replay. */
  decode(data: unknown): T;
}

const SUPPRESSED_ERROR: unknown = Reflect.get(globalThis, 'SuppressedError');

const BUILT_IN_ERRORS: readonly NativeClass[] = [
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
  DOMException,
  ...(typeof SUPPRESSED_ERROR === 'function' ? [SUPPRESSED_ERROR as unknown as NativeClass] : []),
];

/** Ours are stored under a prefix that no class name has, so that users may name their errors as they like. */
const OWN_PREFIX = 'durable/';

function requireClass(
  value: { readonly name: string; readonly prototype?: unknown },
  field: string,
) {
  if (typeof value === 'function' && typeof value.prototype === 'object' && value.prototype) return;
  const todo = 'Pass the class itself.';
  throw new InvalidArgumentError({ field, received: value, todo });
}

/** The classes that a codec knows: the registered ones, the built-in errors, and this package's own errors. */
export class ClassRegistry {
  readonly #codecs = new Map<string, ClassCodec>();
  readonly #codecsByPrototype = new Map<object, ClassCodec>();
  readonly #errorPrototypes = new Map<string, object>();
  readonly #errorNames = new Map<object, string>();

  /** @throws DuplicateRegistrationError if two classes have one name. @throws InvalidArgumentError for non-classes. */
  constructor(classes: readonly ClassCodec[], errors: readonly ErrorClass[]) {
    for (const builtIn of BUILT_IN_ERRORS) this.#addError(builtIn.name, builtIn);
    for (const own of durableErrorClasses) {
      this.#addError(OWN_PREFIX + errorBrand(own.prototype), own);
    }
    errors.forEach((errorClass, index) => {
      this.#checkError(errorClass, `codec.errors[${index}]`);
      this.#addError(errorClass.name, errorClass);
    });
    classes.forEach((codec, index) => {
      this.#addCodec(codec, `codec.classes[${index}]`);
    });
  }

  codecOf(prototype: object): ClassCodec | undefined {
    return this.#codecsByPrototype.get(prototype);
  }

  codecNamed(name: string): ClassCodec | undefined {
    return this.#codecs.get(name);
  }

  errorPrototype(name: string): object | undefined {
    return this.#errorPrototypes.get(name);
  }

  /** Name of the nearest class of this error that is known here; undefined where that is only `Error`. */
  errorName(error: object): string | undefined {
    for (let at = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
      const name = this.#errorNames.get(at) ?? this.#foreignErrorName(at);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** Classes of another copy of this package, and built-in classes of another realm. */
  #foreignErrorName(prototype: object): string | undefined {
    const brand = errorBrand(prototype);
    if (brand !== undefined) {
      const name = OWN_PREFIX + brand;
      return this.#errorPrototypes.has(name) ? name : undefined;
    }
    return BUILT_IN_ERRORS.find((builtIn) => isNativePrototype(prototype, builtIn))?.name;
  }

  #checkError(errorClass: ErrorClass, field: string): void {
    requireClass(errorClass, field);
    const todo = 'Pass a named class that extends Error.';
    const derived = Object.prototype.isPrototypeOf.call(Error.prototype, errorClass.prototype);
    if (derived && errorClass.name !== '') return;
    throw new InvalidArgumentError({ field, received: errorClass, todo });
  }

  #addError(name: string, errorClass: NativeClass): void {
    const known = this.#errorPrototypes.get(name);
    if (known === errorClass.prototype) return;
    if (known !== undefined) {
      const [first, second] = [describeKind(known.constructor), describeKind(errorClass)];
      throw new DuplicateRegistrationError({ kind: 'error class', name, first, second });
    }
    this.#errorPrototypes.set(name, errorClass.prototype);
    if (!this.#errorNames.has(errorClass.prototype))
      this.#errorNames.set(errorClass.prototype, name);
  }

  #addCodec(codec: ClassCodec, field: string): void {
    requireClass(codec.class, `${field}.class`);
    if (typeof codec.name !== 'string' || codec.name === '') {
      const todo = 'Give the class a name that stays the same across releases.';
      throw new InvalidArgumentError({ field: `${field}.name`, received: codec.name, todo });
    }
    const { prototype } = codec.class;
    const clash = this.#codecs.get(codec.name) ?? this.#codecsByPrototype.get(prototype);
    if (clash !== undefined) {
      const [first, second] = [describeKind(clash.class), describeKind(codec.class)];
      throw new DuplicateRegistrationError({
        kind: 'class codec',
        name: codec.name,
        first,
        second,
      });
    }
    this.#codecs.set(codec.name, codec);
    this.#codecsByPrototype.set(prototype, codec);
  }
}
