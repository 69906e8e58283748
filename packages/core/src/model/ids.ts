import { InvalidArgumentError } from '../errors/invalid-argument-error.js';

declare const brand: unique symbol;

type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Id of a run, unique within a namespace. */
export type RunId = Branded<'RunId'>;

/** Longest id, token or name, in UTF-16 code units; no database counts more characters in it. */
const MAX_NAME_LENGTH = 255;

const CONTROL_OR_LONE_SURROGATE = /[\p{Cc}\p{Cs}]/u;

/** What is wrong with a name, as what to do instead; undefined if nothing is. */
function complaint(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'Pass a string.';
  if (value.length === 0 || value.length > MAX_NAME_LENGTH) {
    return `Pass 1 to ${MAX_NAME_LENGTH} characters.`;
  }
  if (value.trim() !== value) return 'Remove the white space at its start or end.';
  return CONTROL_OR_LONE_SURROGATE.test(value)
    ? 'Remove control characters and halves of surrogate pairs.'
    : undefined;
}

/**
 * A name of a workflow, step, version, tag or namespace: 1 to 255 UTF-16 code units, no control characters, no lone
 * surrogates, no white space at its ends. Compared exactly: case, accents and normal forms make a difference.
 *
 * @throws InvalidArgumentError naming the field
 */
export function requireName(value: unknown, field: string): string {
  const todo = complaint(value);
  if (typeof value !== 'string' || todo !== undefined) {
    throw new InvalidArgumentError({ field, received: value, todo: todo ?? 'Pass a string.' });
  }
  return value;
}

/** A run id chosen by the caller; the rule is that of names. @throws InvalidArgumentError naming the field */
export function requireRunId(value: unknown, field: string): RunId {
  return requireName(value, field) as RunId;
}

/** A signal token; the rule is that of names. @throws InvalidArgumentError naming the field */
export function requireToken(value: unknown, field: string): string {
  return requireName(value, field);
}

/** The first digit of the fourth group: two fixed bits, two random ones. */
const VARIANTS = '89ab';

const MAX_TIME = 2 ** 48 - 1;

/**
 * A UUID of version 7 (RFC 9562): 48 bits of time, then 74 random bits. Ids of different milliseconds sort by time; ids of
 * one millisecond are in no order.
 *
 * @param nowMs epoch milliseconds, 0 to 2^48 - 1; fractions are cut off
 * @param random16 16 random bytes, of which 10 are used
 * @throws InvalidArgumentError for a time or a number of bytes out of range
 */
export function uuidV7(nowMs: number, random16: Uint8Array): string {
  const time = Math.trunc(nowMs);
  if (!(time >= 0 && time <= MAX_TIME)) {
    const todo = 'Pass epoch milliseconds.';
    throw new InvalidArgumentError({ field: 'nowMs', received: nowMs, todo });
  }
  if (random16.length !== 16) {
    const todo = 'Pass 16 random bytes.';
    throw new InvalidArgumentError({ field: 'random16', received: random16, todo });
  }
  const stamp = time.toString(16).padStart(12, '0');
  const random = Buffer.from(random16).toString('hex');
  const variant = VARIANTS.charAt(((random16[8] ?? 0) >> 4) & 3);
  return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${random.slice(13, 16)}-${variant}${random.slice(17, 20)}-${random.slice(20)}`;
}
