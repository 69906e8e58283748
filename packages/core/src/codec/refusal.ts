import { types } from 'node:util';
import { classNameOf } from '../errors/describe-kind.js';

/** Why a value cannot be stored, and what to do: ends of a sentence, and a sentence. */
export interface Refusal {
  readonly problem: string;
  readonly todo: string;
}

const COPY = 'Store the data that you need from it.';

function describeClass(value: object): Refusal {
  const name = classNameOf(value);
  if (name === undefined || name === 'Object') {
    const problem = 'is an object with a prototype of its own';
    return { problem, todo: 'Store a plain copy: { ...value }.' };
  }
  const todo = `Store plain data, or register a codec for ${name} in codec.classes.`;
  return { problem: `is an instance of ${name}`, todo };
}

/** Describes a value that has no encoding. */
export function describeRefusal(value: unknown): Refusal {
  if (typeof value === 'symbol') return { problem: 'is a symbol', todo: 'Store a string.' };
  if (typeof value === 'function') {
    const problem = value.name === '' ? 'is a function' : `is the function "${value.name}"`;
    return { problem, todo: 'Leave it out, or store what it returns.' };
  }
  if (typeof value !== 'object' || value === null)
    return { problem: 'has no encoding', todo: COPY };
  if (types.isPromise(value)) return { problem: 'is a Promise', todo: 'Await it first.' };
  if (types.isRegExp(value)) {
    return { problem: 'is a RegExp', todo: 'Store its source and flags as strings.' };
  }
  if (types.isBoxedPrimitive(value)) {
    return { problem: 'is a boxed primitive', todo: 'Store the primitive: value.valueOf().' };
  }
  if (types.isProxy(value)) return { problem: 'is a Proxy of something special', todo: COPY };
  return describeClass(value);
}
