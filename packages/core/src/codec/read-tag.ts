import { CodecError } from '../errors/errors.js';
import { fromBinary } from './binary.js';
import { isJsonObject } from './json-object.js';
import { readError } from './read-error.js';
import type { Reader } from './reader.js';

type TagReader = (reader: Reader, payload: unknown, depth: number) => unknown;

const CONSTANTS: ReadonlyMap<unknown, number | undefined> = new Map([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

function damaged(tag: string): CodecError {
  return new CodecError(`the content of "${tag}" is damaged`);
}

function readConstant(_reader: Reader, payload: unknown): unknown {
  if (!CONSTANTS.has(payload)) throw damaged('$');
  return CONSTANTS.get(payload);
}

function readBigInt(_reader: Reader, payload: unknown): bigint {
  if (typeof payload !== 'string' || !/^(?:0|-?[1-9]\d*)$/.test(payload)) throw damaged('$bigint');
  return BigInt(payload);
}

function readDate(_reader: Reader, payload: unknown): Date {
  if (payload === null) return new Date(Number.NaN);
  const date = new Date(typeof payload === 'string' ? payload : Number.NaN);
  if (Number.isNaN(date.getTime()) || date.toISOString() !== payload) throw damaged('$date');
  return date;
}

function readUrl(_reader: Reader, payload: unknown): URL {
  const url = typeof payload === 'string' ? URL.parse(payload) : null;
  if (url === null || url.href !== payload) throw damaged('$url');
  return url;
}

function readBytes(_reader: Reader, payload: unknown): object {
  const [kind, text, ...rest] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (typeof kind !== 'string' || typeof text !== 'string' || rest.length > 0)
    throw damaged('$bytes');
  const bytes = Buffer.from(text, 'base64');
  const value = bytes.toString('base64') === text ? fromBinary({ kind, bytes }) : undefined;
  if (value === undefined) throw damaged('$bytes');
  return value;
}

function* readEntries(tag: string, payload: unknown): Generator<readonly [unknown, unknown]> {
  if (!Array.isArray(payload)) throw damaged(tag);
  for (const entry of payload as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2) throw damaged(tag);
    yield [entry[0], entry[1]];
  }
}

function readMap(reader: Reader, payload: unknown, depth: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (const [storedKey, stored] of readEntries('$map', payload)) {
    const key = reader.read(storedKey, depth + 1);
    if (map.has(key)) throw damaged('$map');
    map.set(key, reader.read(stored, depth + 1));
  }
  return map;
}

function readSet(reader: Reader, payload: unknown, depth: number): Set<unknown> {
  if (!Array.isArray(payload)) throw damaged('$set');
  const set = new Set<unknown>();
  for (const stored of payload as unknown[]) set.add(reader.read(stored, depth + 1));
  if (set.size !== payload.length) throw damaged('$set');
  return set;
}

function readDict(reader: Reader, payload: unknown, depth: number): object {
  if (!isJsonObject(payload)) throw damaged('$dict');
  const object = reader.properties(payload, Object.keys(payload), depth);
  return Object.setPrototypeOf(object, null);
}

const MAX_ARRAY_LENGTH = 2 ** 32 - 1;

/** An array with holes, which takes memory for its items alone, however long it says it is. */
function readSparse(reader: Reader, payload: unknown, depth: number): unknown[] {
  const [length, entries, ...rest] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (!Number.isInteger(length) || rest.length > 0) throw damaged('$sparse');
  const size = Number(length);
  if (size < 0 || size > MAX_ARRAY_LENGTH) throw damaged('$sparse');
  const array: unknown[] = [];
  array.length = MAX_ARRAY_LENGTH; // Makes V8 keep the items in a dictionary.
  array.length = size;
  for (const [index, stored] of readEntries('$sparse', entries)) {
    const inside = Number.isInteger(index) && Number(index) >= 0 && Number(index) < size;
    if (!inside || Object.hasOwn(array, Number(index))) throw damaged('$sparse');
    array[Number(index)] = reader.read(stored, depth + 1);
  }
  return array;
}

function readClass(reader: Reader, payload: unknown, depth: number): unknown {
  const [name, data, ...rest] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (typeof name !== 'string' || rest.length > 0) throw damaged('$class');
  const codec = reader.registry.codecNamed(name);
  if (codec === undefined) {
    throw new CodecError(
      `no codec is registered for the class ${JSON.stringify(name.slice(0, 80))}`,
    );
  }
  return codec.decode(reader.read(data, depth + 1));
}

function readVersion(_reader: Reader, payload: unknown): never {
  const version: unknown = Array.isArray(payload) ? payload[0] : undefined;
  if (!Number.isInteger(version)) throw damaged('$v');
  throw new CodecError(`it has format version ${version}; this release reads version 1`);
}

const TAGS: ReadonlyMap<string, TagReader> = new Map<string, TagReader>([
  ['$', readConstant],
  ['$bigint', readBigInt],
  ['$bytes', readBytes],
  ['$class', readClass],
  ['$date', readDate],
  ['$dict', readDict],
  ['$error', readError],
  ['$map', readMap],
  ['$set', readSet],
  ['$sparse', readSparse],
  ['$url', readUrl],
  ['$v', readVersion],
]);

/** The value that a tagged object `{ [tag]: payload }` at `depth` stands for. */
export function readTag(reader: Reader, tag: string, payload: unknown, depth: number): unknown {
  const read = TAGS.get(tag);
  if (read === undefined) {
    throw new CodecError(
      `${JSON.stringify(tag.slice(0, 80))} is not a tag that this release knows`,
    );
  }
  return read(reader, payload, depth);
}
