import { types } from 'node:util';
import { PayloadTooLargeError, UnserializableValueError } from '../errors/errors.js';
import { formatPath, type PathSegment } from '../errors/value-path.js';
import { MAX_DEPTH } from './limits.js';
import { describeRefusal } from './refusal.js';
import type { ClassRegistry } from './registry.js';
import { writeIrregularArray, writeSpecial } from './write-special.js';

/** The text of `undefined`; the result of most steps that return nothing. */
export const UNDEFINED_TEXT = '{"$":"undefined"}';

const DOLLAR = 0x24;

/** Up to here a look at every character is faster than JSON.stringify. */
const SHORT = 128;

/** A string as JSON. Lone surrogates and control characters are escaped, so that any database takes the text. */
export function quote(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    const plain =
      unit >= 0x20 && unit !== 0x22 && unit !== 0x5c && (unit < 0xd800 || unit > 0xdfff);
    if (!plain) return JSON.stringify(text);
  }
  return `"${text}"`;
}

function writeNumber(value: number): string {
  if (Number.isFinite(value) && !Object.is(value, -0)) return `${value}`;
  return `{"$":"${Object.is(value, -0) ? '-0' : value}"}`;
}

/** Bounds of an error that is kept in part. */
interface ErrorOutline {
  /** Characters that the text of one part may have. */
  readonly partLength: number;
  /** Own properties that are kept. */
  readonly maxProps: number;
}

/** What one encoding works with. */
export interface WriterOptions {
  readonly registry: ClassRegistry;
  /** What messages call the value. */
  readonly field: string;
  readonly maxBytes: number;
  /** Characters after which encoding stops. */
  readonly budget: number;
  /** Whether errors drop the properties that cannot be stored, instead of refusing them. */
  readonly lenient: boolean;
  /** Set when an error as a whole is too large: keeps its small parts. */
  readonly outline?: ErrorOutline;
}

/**
 * Turns one value into text in one walk. Every property is read once, so that what was checked is what is stored, even
 * with getters and proxies. Depth is bounded by `MAX_DEPTH`, size by the budget.
 */
export class Writer {
  readonly options: WriterOptions;
  readonly #path: PathSegment[] = [];
  readonly #ancestors: object[] = [];
  #level = -1;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  /**
   * The text of a value that lies inside `depth` containers. Recursion goes through here and as few functions as possible,
   * so that `MAX_DEPTH` levels fit on the stack.
   */
  write(value: unknown, depth: number): string {
    switch (typeof value) {
      case 'string':
        return quote(value);
      case 'number':
        return writeNumber(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return UNDEFINED_TEXT;
      case 'bigint':
        return `{"$bigint":"${value}"}`;
      case 'object':
        break;
      default:
        throw this.refusal(depth, describeRefusal(value));
    }
    if (value === null) return 'null';
    this.#enter(value, depth);
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.plain(value, depth);
    if (prototype === Array.prototype && Array.isArray(value)) return this.array(value, depth);
    return writeSpecial(this, value, prototype, depth);
  }

  /** Says which part of the container at `depth` is written next, for messages. */
  at(segment: PathSegment, depth: number): void {
    this.#path[depth] = segment;
    this.#level = depth;
  }

  /** A plain object; `escapeTag` says whether a single key that looks like a tag has to be told from one. */
  plain(value: object, depth: number, escapeTag = true): string {
    this.checkSymbols(value, depth);
    const record = value as Readonly<Record<string, unknown>>;
    const keys = Object.keys(record);
    const prefix = escapeTag && keys.length === 1 && keys[0]?.charCodeAt(0) === DOLLAR ? '$' : '';
    let text = '{';
    for (const key of keys) {
      this.#path[depth] = key;
      this.#level = depth;
      if (text.length > 1) text += ',';
      text += `${quote(prefix + key)}:${this.write(record[key], depth + 1)}`;
      if (text.length > this.options.budget) throw this.tooLarge();
    }
    return `${text}}`;
  }

  array(value: readonly unknown[], depth: number): string {
    this.checkSymbols(value, depth);
    if (Object.keys(value).length !== value.length) return writeIrregularArray(this, value, depth);
    let text = '[';
    for (let index = 0; index < value.length; index += 1) {
      const item = value[index];
      if (item === undefined && !Object.hasOwn(value, index)) {
        return writeIrregularArray(this, value, depth);
      }
      this.#path[depth] = index;
      this.#level = depth;
      if (index > 0) text += ',';
      text += this.write(item, depth + 1);
      if (text.length > this.options.budget) throw this.tooLarge();
    }
    return `${text}]`;
  }

  /** Symbols are no data; own ones that are hidden mark objects such as `Math` and `arguments`. */
  checkSymbols(value: object, depth: number): void {
    const symbols = Object.getOwnPropertySymbols(value);
    if (symbols.length === 0) return;
    const key = symbols.find((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
    const special = Object.hasOwn(value, Symbol.toStringTag) || types.isArgumentsObject(value);
    if (key === undefined && !special) return;
    const problem = key === undefined ? 'is not a plain object' : `has the key ${String(key)}`;
    throw this.refusal(depth, { problem, todo: 'Store plain data with string keys.' });
  }

  /** The error for a value that lies inside `depth` containers. */
  refusal(
    depth: number,
    reason: { readonly problem: string; readonly todo: string; readonly cause?: unknown },
  ): UnserializableValueError {
    const path = formatPath(this.#path.slice(0, depth));
    return new UnserializableValueError({ ...reason, field: this.options.field, path });
  }

  /** The error for what was thrown while the part looked at last was read. */
  readFailure(cause: unknown): UnserializableValueError {
    const problem = 'could not be read';
    const todo = 'Store a copy of its data; the cause tells what its getter, proxy or codec threw.';
    return this.refusal(this.#level + 1, { problem, todo, cause });
  }

  tooLarge(): PayloadTooLargeError {
    const { field, maxBytes, budget } = this.options;
    return new PayloadTooLargeError({ field, bytes: budget, limit: maxBytes, atLeast: true });
  }

  #enter(value: object, depth: number): void {
    const todo = 'Store an id in place of the reference.';
    if (depth >= MAX_DEPTH) {
      const problem = `is nested deeper than ${MAX_DEPTH} levels`;
      throw this.refusal(depth, { problem, todo });
    }
    for (let level = 0; level < depth; level += 1) {
      if (this.#ancestors[level] !== value) continue;
      const problem = `refers back to ${formatPath(this.#path.slice(0, level))}, which contains it`;
      throw this.refusal(depth, { problem, todo });
    }
    this.#ancestors[depth] = value;
  }
}
