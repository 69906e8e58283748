/**
 * A deep copy of plain data: what goes into the store and what comes out of it is never shared with the caller. For the
 * port's own records, which hold nothing but arrays, plain objects and primitives.
 */
export function copyOf<T>(value: T): T {
  return copyPlain(value) as T;
}

function copyPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyPlain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyPlain(item)]));
}
