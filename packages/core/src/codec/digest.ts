import { hash } from 'node:crypto';
import { CodecError } from '../errors/errors.js';
import { type JsonObject, parseJson } from './json-object.js';
import { MAX_DEPTH } from './limits.js';
import { quote } from './writer.js';

/** JSON levels that one container of a value takes at most in the text (a `$sparse` array: four). */
const MAX_JSON_DEPTH = 4 * MAX_DEPTH;

/** 128 bits as hex digits. */
const DIGEST_LENGTH = 32;

function canonical(value: unknown, depth: number): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object' || value === null) return `${value}`;
  if (depth >= MAX_JSON_DEPTH) throw new CodecError('it is nested too deeply');
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      text += `${text === '' ? '' : ','}${canonical(item, depth + 1)}`;
    }
    return `[${text}]`;
  }
  const object = value as JsonObject;
  for (const key of Object.keys(object).sort()) {
    text += `${text === '' ? '' : ','}${quote(key)}:${canonical(object[key], depth + 1)}`;
  }
  return `{${text}}`;
}

/**
 * Digest of an encoded value: the first 128 bits of the SHA-256 of its canonical JSON (keys sorted by code
 * units, no white space, as in RFC 8785), as 32 hex digits. The order of object keys makes no difference; the order of arrays, maps and sets does. Equal values have equal digests, on any
 * platform and release.
 *
 * @throws CodecError if the text is not JSON
 */
export function inputDigest(encodedText: string): string {
  return hash('sha256', canonical(parseJson(encodedText), 0), 'hex').slice(0, DIGEST_LENGTH);
}
