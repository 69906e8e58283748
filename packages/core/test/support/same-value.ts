import { isDeepStrictEqual } from 'node:util';

function outlineProperty(value: object, key: PropertyKey): string {
  const descriptor = Object.getOwnPropertyDescriptor(value, key);
  const isStack = value instanceof Error && key === 'stack';
  const content = isStack ? value.stack : outline(descriptor?.value);
  return `${String(key)}${descriptor?.enumerable ? '' : ' (hidden)'}: ${content}`;
}

/** What `isDeepStrictEqual` does not compare: classes, the order of keys, maps and sets, attributes, stacks. */
function outline(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
  const kind = Object.getPrototypeOf(value)?.constructor?.name ?? 'null';
  if (ArrayBuffer.isView(value)) return kind;
  if (value instanceof Map) return `Map(${[...value].map(outline)})`;
  if (value instanceof Set) return `Set(${[...value].map(outline)})`;
  const keys = Reflect.ownKeys(value);
  if (!(value instanceof Error))
    return `${kind}{${keys.map((key) => outlineProperty(value, key))}}`;
  const shown = keys.filter((key) => key !== 'message' || value.message !== '');
  return `${kind}{${shown.map((key) => outlineProperty(value, key)).sort()}}`;
}

/** Whether two values are the same to an observer who cannot compare identities. */
export function sameValue(left: unknown, right: unknown): boolean {
  return outline(left) === outline(right) && isDeepStrictEqual(left, right);
}
