import { types } from 'node:util';
import { binaryContent } from './binary.js';
import { isError, isNativePrototype } from './natives.js';
import { describeRefusal } from './refusal.js';
import type { ClassCodec } from './registry.js';
import { writeError } from './write-error.js';
import type { Writer } from './writer.js';

type NativeWriter = (writer: Writer, depth: number) => string;

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** An array with holes. Extra properties, such as those of a RegExp match, are refused. */
export function writeIrregularArray(
  writer: Writer,
  value: readonly unknown[],
  depth: number,
): string {
  const entries: string[] = [];
  for (const key of Object.keys(value)) {
    const index = Number(key);
    if (!ARRAY_INDEX.test(key) || index >= value.length) throw extraProperty(writer, key, depth);
    writer.at(index, depth);
    entries.push(`[${key},${writer.write(value[index], depth + 1)}]`);
  }
  return `{"$sparse":[${value.length},[${entries.join(',')}]]}`;
}

function extraProperty(writer: Writer, key: string, depth: number): Error {
  const problem = `has the extra property ${JSON.stringify(key.slice(0, 80))}`;
  return writer.refusal(depth, { problem, todo: 'Store that beside it, in a plain object.' });
}

function requireNoProperties(writer: Writer, value: object, depth: number): void {
  const [key] = Object.keys(value);
  if (key !== undefined) throw extraProperty(writer, key, depth);
  writer.checkSymbols(value, depth);
}

function writeMap(writer: Writer, value: ReadonlyMap<unknown, unknown>, depth: number): string {
  const entries: string[] = [];
  for (const [key, item] of value) {
    writer.at({ text: `.keys()[${entries.length}]` }, depth);
    const keyText = writer.write(key, depth + 1);
    writer.at({ text: `.values()[${entries.length}]` }, depth);
    entries.push(`[${keyText},${writer.write(item, depth + 1)}]`);
  }
  return `{"$map":[${entries.join(',')}]}`;
}

function writeSet(writer: Writer, value: ReadonlySet<unknown>, depth: number): string {
  const items: string[] = [];
  for (const item of value) {
    writer.at({ text: `.values()[${items.length}]` }, depth);
    items.push(writer.write(item, depth + 1));
  }
  return `{"$set":[${items.join(',')}]}`;
}

function writeDate(value: Date): string {
  return Number.isNaN(value.getTime()) ? '{"$date":null}' : `{"$date":"${value.toISOString()}"}`;
}

/** The href, unless parsing it again would give another one. */
function writeUrl(writer: Writer, value: URL, depth: number): string {
  const { href } = value;
  if (URL.parse(href)?.href === href) return `{"$url":${JSON.stringify(href)}}`;
  const problem = 'is a URL whose text does not parse back to itself';
  throw writer.refusal(depth, { problem, todo: 'Store it as a string.' });
}

function writeBinary(writer: Writer, value: object, prototype: object): string | undefined {
  const content = binaryContent(value, prototype);
  if (content === undefined) return undefined;
  if (content.bytes.length > writer.options.budget) throw writer.tooLarge();
  return `{"$bytes":["${content.kind}","${content.bytes.toString('base64')}"]}`;
}

function writeClass(writer: Writer, codec: ClassCodec, value: object, depth: number): string {
  const data = codec.encode(value);
  writer.at({ text: '' }, depth);
  return `{"$class":[${JSON.stringify(codec.name)},${writer.write(data, depth + 1)}]}`;
}

/** Built-in values that may have properties of the user's besides; undefined for everything else. */
function nativeWriter(value: object, prototype: object): NativeWriter | undefined {
  if (types.isDate(value) && isNativePrototype(prototype, Date)) return () => writeDate(value);
  if (types.isMap(value) && isNativePrototype(prototype, Map)) {
    return (writer, depth) => writeMap(writer, value, depth);
  }
  if (types.isSet(value) && isNativePrototype(prototype, Set)) {
    return (writer, depth) => writeSet(writer, value, depth);
  }
  if (!(value instanceof URL) || prototype !== URL.prototype) return undefined;
  return (writer, depth) => writeUrl(writer, value, depth);
}

/** The text of an object that is neither a plain object nor an ordinary array of this realm. */
export function writeSpecial(
  writer: Writer,
  value: object,
  prototype: object | null,
  depth: number,
): string {
  if (prototype === null) return `{"$dict":${writer.plain(value, depth, false)}}`;
  const codec = writer.options.registry.codecOf(prototype);
  if (codec !== undefined) return writeClass(writer, codec, value, depth);
  if (isError(value)) return writeError(writer, value, depth);
  const binary = writeBinary(writer, value, prototype);
  if (binary !== undefined) return binary;
  if (Array.isArray(value) && isNativePrototype(prototype, Array))
    return writer.array(value, depth);
  if (isNativePrototype(prototype, Object)) return writer.plain(value, depth);
  const write = nativeWriter(value, prototype);
  if (write === undefined) throw writer.refusal(depth, describeRefusal(value));
  requireNoProperties(writer, value, depth);
  return write(writer, depth);
}
