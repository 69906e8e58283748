import { CodecError } from '../errors/errors.js';
import { type JsonObject, setOwn } from './json-object.js';
import { MAX_DEPTH } from './limits.js';
import { readTag } from './read-tag.js';
import type { ClassRegistry } from './registry.js';

/**
 * Turns what `JSON.parse` gave into the stored value, in place where there is nothing special. Tags are looked up in a
 * fixed list, classes in the registry: no name from the text reaches a global or a prototype.
 */
export class Reader {
  readonly registry: ClassRegistry;

  constructor(registry: ClassRegistry) {
    this.registry = registry;
  }

  /** The value of a part that lies inside `depth` containers. */
  read(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_DEPTH) throw new CodecError(`it is nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) return this.#array(value, depth);
    const object = value as JsonObject;
    const keys = Object.keys(object);
    const only = keys.length === 1 ? keys[0] : undefined;
    if (!only?.startsWith('$')) return this.properties(object, keys, depth);
    if (!only.startsWith('$$')) return readTag(this, only, object[only], depth);
    const escaped: JsonObject = {};
    setOwn(escaped, only.slice(1), this.read(object[only], depth + 1));
    return escaped;
  }

  /** An object of which no key is a tag. */
  properties(object: JsonObject, keys: readonly string[], depth: number): JsonObject {
    for (const key of keys) {
      const stored = object[key];
      if (typeof stored !== 'object' || stored === null) continue;
      const value = this.read(stored, depth + 1);
      if (value !== stored) setOwn(object, key, value);
    }
    return object;
  }

  #array(items: unknown[], depth: number): unknown[] {
    for (let index = 0; index < items.length; index += 1) {
      const stored = items[index];
      if (typeof stored === 'object' && stored !== null)
        items[index] = this.read(stored, depth + 1);
    }
    return items;
  }
}
