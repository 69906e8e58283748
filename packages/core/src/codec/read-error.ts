import { CodecError } from '../errors/errors.js';
import { isJsonObject, type JsonObject, ownMember, setOwn } from './json-object.js';
import type { Reader } from './reader.js';

const HIDDEN_PARTS: readonly string[] = ['cause', 'errors', 'error', 'suppressed'];

/**
 * A native error with the prototype of the stored class; its constructor does not run. A class that is not registered
 * here gives a plain `Error` with the stored name.
 */
function createError(reader: Reader, stored: JsonObject, name: unknown, message: unknown): Error {
  const className = ownMember(stored, 'class');
  const text = typeof message === 'string' && message !== '' ? message : undefined;
  if (className === 'DOMException') return new DOMException(text, String(name));
  const error = new Error(text);
  const prototype =
    typeof className === 'string' ? reader.registry.errorPrototype(className) : undefined;
  if (prototype !== undefined) Object.setPrototypeOf(error, prototype);
  if (error.message !== message) setOwn(error, 'message', message, false);
  if (error.name !== name) setOwn(error, 'name', name, false);
  return error;
}

function restoreProps(reader: Reader, error: Error, props: unknown, depth: number): void {
  if (props === undefined) return;
  if (!isJsonObject(props)) throw new CodecError('the properties of an error are damaged');
  for (const [key, stored] of Object.entries(props)) {
    setOwn(error, key, reader.read(stored, depth + 1));
  }
}

function restoreStack(error: Error, stack: unknown): void {
  if (typeof stack === 'string') setOwn(error, 'stack', stack, false);
  else Reflect.deleteProperty(error, 'stack'); // Else the stack of this decoder would show.
}

/** Reads the content of `$error`. Members that this release does not know are ignored. */
export function readError(reader: Reader, payload: unknown, depth: number): Error {
  const stored: JsonObject = isJsonObject(payload) ? payload : {};
  if (!Object.hasOwn(stored, 'name') || !Object.hasOwn(stored, 'message')) {
    throw new CodecError('an error has no name or no message');
  }
  const part = (key: string) => reader.read(stored[key], depth + 1);
  const error = createError(reader, stored, part('name'), part('message'));
  restoreStack(error, ownMember(stored, 'stack'));
  for (const key of HIDDEN_PARTS) {
    if (Object.hasOwn(stored, key)) setOwn(error, key, part(key), false);
  }
  restoreProps(reader, error, ownMember(stored, 'props'), depth);
  return error;
}
