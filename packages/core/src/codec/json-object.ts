import { CodecError } from '../errors/errors.js';

/** A JSON object as `JSON.parse` gives it. */
export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Makes an own data property, whatever the key: `__proto__` and `constructor` too. */
export function setOwn(target: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true });
}

/** An own member of a parsed object; undefined if it is not there. */
export function ownMember(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** `JSON.parse` with our error, which does not quote the text: it may be secret. @throws CodecError */
export function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') throw new CodecError('it is not a string');
  try {
    return JSON.parse(text);
  } catch {
    throw new CodecError(`it is not JSON (${text.length} characters)`);
  }
}
