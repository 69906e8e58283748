/** Shared by all copies of this package, so that two copies of one error class know each other's instances. */
const BRAND: unique symbol = Symbol.for('@dudousxd/nestjs-durable/error-class');

/** Facts that an error carries for programs: ids, limits, positions. Always values that the codec can store. */
export type ErrorFields = Readonly<Record<string, unknown>>;

/** What a `DurableError` is made of, beside its message. */
export interface DurableErrorOptions<F extends ErrorFields = ErrorFields> {
  /** Stable identifier in upper snake case; code may branch on it, messages may change. */
  readonly code: string;
  readonly fields: F;
  /** What led to this error. The key may be present with any value, `undefined` included. */
  readonly cause?: unknown;
  /** Status of the HTTP response where this error leaves a request handler; none = a server error. */
  readonly httpStatus?: number;
}

/** The brand that an error class's prototype itself carries; undefined for anything else. */
export function errorBrand(prototype: object): string | undefined {
  const brand: unknown = Object.getOwnPropertyDescriptor(prototype, BRAND)?.value;
  return typeof brand === 'string' ? brand : undefined;
}

/**
 * Marks a class of this package, in its static block: gives its instances their `name`, and lets `instanceof` and the
 * codec recognise instances made by another copy of the package.
 */
export function brandErrorClass(errorClass: { readonly prototype: Error }, brand: string): void {
  const hidden = { writable: true, configurable: true, enumerable: false };
  Object.defineProperty(errorClass.prototype, BRAND, { ...hidden, value: brand });
  Object.defineProperty(errorClass.prototype, 'name', { ...hidden, value: brand });
}

function hasBrand(value: object, brand: string): boolean {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (errorBrand(at) === brand) return true;
  }
  return false;
}

/**
 * Base of all errors that this package makes. `instanceof` holds across duplicate copies of the package and across the
 * codec, for this class and each of its branded subclasses; a user's subclass is compared by prototype alone.
 */
export class DurableError<F extends ErrorFields = ErrorFields> extends Error {
  static {
    brandErrorClass(this, 'DurableError');
  }

  /** Stable identifier such as `RUN_NOT_FOUND`. */
  readonly code: string;
  readonly fields: F;
  /** Status of the HTTP response where this error leaves a request handler; absent = a server error. */
  declare readonly httpStatus?: number;

  constructor(message: string, options: DurableErrorOptions<F>) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = options.code;
    this.fields = options.fields;
    if (options.httpStatus !== undefined) this.httpStatus = options.httpStatus;
    if (errorBrand(new.target.prototype) === undefined) {
      const hidden = { writable: true, configurable: true, enumerable: false };
      Object.defineProperty(this, 'name', { ...hidden, value: new.target.name });
    }
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (Object.prototype.isPrototypeOf.call(this.prototype, value)) return true;
    const brand = errorBrand(this.prototype);
    return brand !== undefined && hasBrand(value, brand);
  }
}
