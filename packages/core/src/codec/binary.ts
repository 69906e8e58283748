import { types } from 'node:util';
import { isNativePrototype, type NativeClass } from './natives.js';

type BinaryClass = NativeClass & (new (buffer: ArrayBuffer) => object);

/** Every view that this Node has; `Float16Array` came with Node 24. */
const VIEW_NAMES = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
] as const;

const VIEWS: ReadonlyMap<string, BinaryClass> = new Map(
  VIEW_NAMES.flatMap((name) => {
    const view: unknown = Reflect.get(globalThis, name);
    return typeof view === 'function' ? [[name, view as BinaryClass] as const] : [];
  }),
);

/** The bytes of a binary value, and the class that reads them. */
export interface BinaryContent {
  readonly kind: string;
  readonly bytes: Buffer;
}

function viewKind(prototype: object): string | undefined {
  for (const [kind, view] of VIEWS) {
    if (isNativePrototype(prototype, view)) return kind;
  }
  return undefined;
}

/**
 * Bytes that a view shows or an ArrayBuffer holds, as they lie in memory (little-endian on every platform of Node that
 * matters). Undefined for other values, subclasses, and shared memory.
 */
export function binaryContent(value: object, prototype: object): BinaryContent | undefined {
  if (types.isArrayBuffer(value)) {
    const own = isNativePrototype(prototype, ArrayBuffer);
    return own ? { kind: 'ArrayBuffer', bytes: Buffer.from(value) } : undefined;
  }
  if (!ArrayBuffer.isView(value) || types.isSharedArrayBuffer(value.buffer)) return undefined;
  const kind = prototype === Buffer.prototype ? 'Buffer' : viewKind(prototype);
  if (kind === undefined) return undefined;
  return { kind, bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
}

/**
 * A fresh value of that kind over a copy of the bytes; undefined if the kind is unknown.
 *
 * @throws RangeError if the bytes are not a whole number of elements
 */
export function fromBinary({ kind, bytes }: BinaryContent): object | undefined {
  if (kind === 'Buffer') return Buffer.from(bytes);
  const memory = new Uint8Array(bytes).buffer;
  if (kind === 'ArrayBuffer') return memory;
  const view = VIEWS.get(kind);
  return view === undefined ? undefined : new view(memory);
}
