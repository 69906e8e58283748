import { DEFAULT_LIMITS, isTooDeep, isTooLarge, type MessageLimits } from './limits.js';
import {
  type MessageInput,
  type MessageOf,
  type MessageType,
  messageSchemas,
  PROTOCOL_VERSION,
} from './messages.js';
import { type Refusal, RefusalKind } from './refusal.js';

/** A message, or why there is none. */
export type ReadResult<T extends MessageType> =
  | { readonly ok: true; readonly message: MessageOf<T> }
  | { readonly ok: false; readonly refusal: Refusal };

const QUOTED_LENGTH = 60;

/**
 * Reads a message of one of the types that belong where the text was found. Never throws, whatever the text is: the limits
 * are checked before it is parsed.
 *
 * @example
 * const read = readMessage(text, ['result', 'heartbeat']);
 * if (!read.ok) return drop(read.refusal);
 */
export function readMessage<T extends MessageType>(
  text: string,
  types: readonly T[],
  limits: MessageLimits = DEFAULT_LIMITS,
): ReadResult<T> {
  const { maxBytes, maxDepth } = limits;
  if (isTooLarge(text, maxBytes)) {
    return refuse(RefusalKind.tooLarge, `it takes more than ${maxBytes} bytes`);
  }
  if (isTooDeep(text, maxDepth)) {
    return refuse(RefusalKind.tooDeep, `it is nested deeper than ${maxDepth}`);
  }
  const parsed = parse(text);
  if (parsed === undefined) return refuse(RefusalKind.notJson, 'it is no JSON');
  return readParsed(parsed.value, types);
}

/** The text of a message. Fields that are undefined are left out. */
export function writeMessage<T extends MessageType>(message: MessageInput<T>): string {
  return JSON.stringify(message);
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined; // The caller says so.
  }
}

function readParsed<T extends MessageType>(value: unknown, types: readonly T[]): ReadResult<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(RefusalKind.notMessage, 'it is no object');
  }
  const { v, type } = value as { readonly v?: unknown; readonly type?: unknown };
  if (v !== PROTOCOL_VERSION) return refuseVersion(v);
  const known = types.find((candidate) => candidate === type);
  if (known === undefined) {
    return refuse(RefusalKind.unknownType, `${quote(type)} is none of ${types.join(', ')}`);
  }
  const result = messageSchemas[known].safeParse(value);
  if (result.success) return { ok: true, message: result.data as MessageOf<T> };
  const [issue] = result.error.issues;
  const field = issue === undefined ? '' : issue.path.map(String).join('.');
  return refuse(RefusalKind.invalid, `field '${field}': ${issue?.message ?? 'unknown'}`);
}

function refuseVersion<T extends MessageType>(v: unknown): ReadResult<T> {
  if (v === undefined) return refuse(RefusalKind.notMessage, "it has no version 'v'");
  if (typeof v === 'number' && Number.isSafeInteger(v) && v > PROTOCOL_VERSION) {
    const todo = `this release reads version ${PROTOCOL_VERSION}; upgrade it`;
    return refuse(RefusalKind.newerVersion, `it has version ${v}, and ${todo}`);
  }
  return refuse(RefusalKind.unknownVersion, `${quote(v)} is no version that is read here`);
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return `'${text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text}'`;
}

function refuse<T extends MessageType>(kind: RefusalKind, detail: string): ReadResult<T> {
  return { ok: false, refusal: { kind, detail } };
}
