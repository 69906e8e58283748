/**
 * Values and errors ⇄ text.
 *
 * Format version 1 is JSON. Plain JSON values are written as they are. Whatever JSON lacks is an object with one key
 * that starts with `$`:
 *
 *     {"$":"undefined"}  also NaN, Infinity, -Infinity, -0       {"$bigint":"123"}
 *     {"$date":"2026-01-01T00:00:00.000Z"}  null = invalid       {"$url":"https://example.com/"}
 *     {"$map":[[key,value],…]}                                   {"$set":[value,…]}
 *     {"$bytes":["Uint8Array","base64"]}  all views and buffers  {"$dict":{…}}  null prototype
 *     {"$sparse":[length,[[index,value],…]]}                     {"$class":["name",data]}
 *     {"$error":{"class":…,"name":…,"message":…,"stack":…,"cause":…,"errors":…,"props":{…},"dropped":[…]}}
 *
 * An object of the user's with a single key that starts with `$` is written with one `$` more. Later versions are to be
 * written as `{"$v":[version,…]}`, which this one refuses.
 *
 * **C1** `decode(encode(x))` equals x, or `encode` throws with the path of what it cannot keep; never a silent change.
 *   Equal means: same kinds, same own enumerable properties in the same order. Not kept: shared references (each becomes a
 *   copy), getters (read once), property attributes, frozenness, non-enumerable properties.
 * **C2** `decode` of any text at all gives a value or a `CodecError`, and changes no prototype.
 * **C3** `encodeError` never throws.
 */
import {
  CodecError,
  InvalidArgumentError,
  type PayloadSize,
  PayloadTooLargeError,
  UnserializableValueError,
} from '../errors/errors.js';
import { parseJson } from './json-object.js';
import {
  characterBudget,
  DEFAULT_MAX_BYTES,
  DEFAULT_WARN_BYTES,
  MAX_DEPTH,
  MIN_ERROR_BYTES,
  OUTLINE_PROPS,
  OUTLINE_SHARES,
} from './limits.js';
import { isError } from './natives.js';
import { Reader } from './reader.js';
import { type ClassCodec, ClassRegistry, type ErrorClass } from './registry.js';
import { UNDEFINED_TEXT, Writer, type WriterOptions } from './writer.js';

export type { ClassCodec, ErrorClass } from './registry.js';

/** Settings of a codec. */
export interface CodecOptions {
  /** Classes whose instances may be stored. Without a codec they are refused. */
  readonly classes?: readonly ClassCodec[];
  /** Error classes that come back as instances of themselves, by the name of the class. */
  readonly errors?: readonly ErrorClass[];
  /** UTF-8 bytes above which `onLarge` is called. @default 262144 */
  readonly warnBytes?: number;
  /** UTF-8 bytes above which a value is refused; `Infinity` for no limit. @default 2097152 */
  readonly maxBytes?: number;
  /** Told of each stored text above `warnBytes`; `limit` is `warnBytes`. */
  readonly onLarge?: (size: PayloadSize) => void;
}

/** Turns values and errors into text and back. Stateless: one serves any number of runs. */
export interface Codec {
  /**
   * @param field what messages call the value: `the output of step "charge"`
   * @throws UnserializableValueError naming the path of what cannot be stored
   * @throws PayloadTooLargeError above `maxBytes`
   */
  encode(value: unknown, field?: string): string;
  /** @throws CodecError for anything that `encode` does not write, and nothing else. */
  decode(text: string): unknown;
  /**
   * Never throws. An Error keeps its class (if known), name, message, stack, cause and own properties; what cannot be
   * stored of it is left out, and an error above `maxBytes` keeps its small parts. Other thrown values are kept as they are;
   * if that is impossible, the text holds the error that says why.
   */
  encodeError(thrown: unknown, field?: string): string;
  /** What was thrown: an Error as a rule, any value where code throws such. @throws CodecError like `decode`. */
  decodeError(text: string): unknown;
}

/** A UTF-16 code unit takes at most this many UTF-8 bytes. */
const MAX_BYTES_PER_UNIT = 3;

/** Text that is certainly neither tagged nor too deep needs no second look. */
function isPlain(text: string): boolean {
  return text.length < 2 * MAX_DEPTH && !text.includes('$') && !text.includes('\\u0024');
}

function requireBytes(value: number, field: string): number {
  if (typeof value === 'number' && value > 0) return value;
  const todo = 'Pass a number of bytes above 0, or Infinity.';
  throw new InvalidArgumentError({ field, received: value, todo });
}

/** What went wrong while a value was written, as one of the two errors that `encode` promises. */
function explain(writer: Writer, problem: unknown): Error {
  if (problem instanceof UnserializableValueError) return problem;
  if (problem instanceof PayloadTooLargeError) return problem;
  const overlong = problem instanceof RangeError && problem.message === 'Invalid string length';
  return overlong ? writer.tooLarge() : writer.readFailure(problem);
}

function write(value: unknown, options: WriterOptions): string {
  const writer = new Writer(options);
  try {
    return writer.write(value, 0);
  } catch (problem) {
    throw explain(writer, problem);
  }
}

class JsonCodec implements Codec {
  readonly #registry: ClassRegistry;
  readonly #maxBytes: number;
  readonly #budget: number;
  readonly #warnBytes: number;
  readonly #onLarge: ((size: PayloadSize) => void) | undefined;

  constructor(options: CodecOptions) {
    this.#registry = new ClassRegistry(options.classes ?? [], options.errors ?? []);
    this.#maxBytes = requireBytes(options.maxBytes ?? DEFAULT_MAX_BYTES, 'codec.maxBytes');
    this.#budget = characterBudget(this.#maxBytes);
    this.#warnBytes = requireBytes(options.warnBytes ?? DEFAULT_WARN_BYTES, 'codec.warnBytes');
    this.#onLarge = options.onLarge;
  }

  encode(value: unknown, field = 'The value'): string {
    return this.#write(value, field, false);
  }

  decode(text: string): unknown {
    if (text === UNDEFINED_TEXT) return undefined;
    const parsed = parseJson(text);
    if (isPlain(text)) return parsed;
    try {
      return new Reader(this.#registry).read(parsed, 0);
    } catch (cause) {
      if (cause instanceof CodecError) throw cause;
      throw new CodecError('its values cannot be rebuilt', { cause });
    }
  }

  encodeError(thrown: unknown, field = 'The thrown value'): string {
    try {
      return this.#write(thrown, field, true);
    } catch (problem) {
      return this.#outline(thrown, field) ?? this.#outline(problem, field) ?? UNDEFINED_TEXT;
    }
  }

  decodeError(text: string): unknown {
    return this.decode(text);
  }

  #write(value: unknown, field: string, lenient: boolean): string {
    const [registry, maxBytes, budget] = [this.#registry, this.#maxBytes, this.#budget];
    const text = write(value, { registry, field, maxBytes, budget, lenient });
    this.#checkSize(text, field);
    return text;
  }

  #checkSize(text: string, field: string): void {
    const most = Math.min(this.#maxBytes, this.#warnBytes);
    if (text.length * MAX_BYTES_PER_UNIT <= most) return;
    const bytes = Buffer.byteLength(text);
    if (bytes > this.#maxBytes) {
      throw new PayloadTooLargeError({ field, bytes, limit: this.#maxBytes });
    }
    if (bytes > this.#warnBytes) this.#onLarge?.({ field, bytes, limit: this.#warnBytes });
  }

  /** The small parts of an error that cannot be written as a whole; undefined for values that are not errors. */
  #outline(thrown: unknown, field: string): string | undefined {
    const maxBytes = Math.max(Math.min(this.#maxBytes, DEFAULT_MAX_BYTES), MIN_ERROR_BYTES);
    const outline = { partLength: maxBytes / OUTLINE_SHARES, maxProps: OUTLINE_PROPS };
    const budget = characterBudget(maxBytes);
    try {
      if (!isError(thrown)) return undefined;
      const registry = this.#registry;
      return write(thrown, { registry, field, maxBytes, budget, lenient: true, outline });
    } catch {
      return undefined; // A proxy that throws at everything: the caller goes on with what it threw.
    }
  }
}

/**
 * Makes a codec.
 *
 * @throws DuplicateRegistrationError if two classes have one name
 * @throws InvalidArgumentError for options that are not what their types say
 */
export function createCodec(options: CodecOptions = {}): Codec {
  return new JsonCodec(options);
}

const standard = createCodec();

/** Settings of one call. */
export interface EncodeOptions {
  /** UTF-8 bytes above which the value is refused. @default 2097152 */
  readonly maxBytes?: number;
  /** What messages call the value. */
  readonly field?: string;
}

/** `Codec.encode` without registered classes. */
export function encode(value: unknown, { maxBytes, field }: EncodeOptions = {}): string {
  const codec = maxBytes === undefined ? standard : createCodec({ maxBytes });
  return codec.encode(value, field);
}

/** `Codec.decode` without registered classes. */
export function decode(text: string): unknown {
  return standard.decode(text);
}
