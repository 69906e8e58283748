import { types } from 'node:util';

/** What is needed of a built-in class to recognise its prototype. */
export interface NativeClass {
  readonly name: string;
  readonly prototype: object;
}

/** The prototypes of a prototype, itself first. */
function chainOf(prototype: object): readonly object[] {
  const chain: object[] = [];
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at))
    chain.push(at);
  return chain;
}

/**
 * Whether this is the prototype of the built-in class itself, and not of a subclass. True for the class of another realm
 * too (`node:vm`, some test runners), which is told by its name and the length of its chain.
 */
export function isNativePrototype(prototype: object, native: NativeClass): boolean {
  if (prototype === native.prototype) return true;
  const chain = chainOf(prototype);
  if (chain.at(-1) === Object.prototype) return false;
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  const named = typeof maker === 'function' && maker.name === native.name;
  return named && chain.length === chainOf(native.prototype).length;
}

/** Whether this is an error of any realm. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}
