/** The class of an object as people call it, or undefined where it has none of its own. */
export function classNameOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  const maker: unknown = Reflect.get(prototype, 'constructor');
  const name = typeof maker === 'function' ? maker.name : '';
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function describeNumber(value: number): string {
  return Number.isNaN(value) ? 'NaN' : `the number ${value}`;
}

function describeString(value: string): string {
  return value === '' ? 'an empty string' : `a string of ${value.length} characters`;
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length} items`;
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date';
  const name = classNameOf(value);
  return name === undefined || name === 'Object' ? 'a plain object' : `an instance of ${name}`;
}

/**
 * What kind of value this is, for an error message. Never shows the content of strings and objects, which may be
 * secret; shows numbers and booleans.
 */
export function describeKind(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'number':
      return describeNumber(value);
    case 'string':
      return describeString(value);
    case 'boolean':
      return `the boolean ${value}`;
    case 'bigint':
      return 'a bigint';
    case 'symbol':
      return 'a symbol';
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    default:
      return typeof value === 'object' && value !== null ? describeObject(value) : 'null';
  }
}
