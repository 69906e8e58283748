/** Sets by key; a key without members is not kept. */
export class MultiMap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  add(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set) set.add(value);
    else this.#sets.set(key, new Set([value]));
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (!set) return;
    set.delete(value);
    if (set.size === 0) this.#sets.delete(key);
  }

  /** The members at this moment: later changes do not show. */
  get(key: K): readonly V[] {
    const set = this.#sets.get(key);
    return set ? [...set] : [];
  }

  has(key: K): boolean {
    return this.#sets.has(key);
  }

  /** Removes the key and returns what it held. */
  take(key: K): readonly V[] {
    const values = this.get(key);
    this.#sets.delete(key);
    return values;
  }
}
