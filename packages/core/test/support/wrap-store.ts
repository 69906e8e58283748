import type { StateStore } from '../../src/index.js';

/** A store whose calls go to `store`, but for the overridden ones: to delay them, to fail them, or to look at them. */
export function wrapStore(store: StateStore, overrides: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(target, key) {
      const source = Reflect.has(overrides, key) ? overrides : target;
      const value: unknown = Reflect.get(source, key);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

/** A door that those who wait for `opened` stand before until somebody calls `open`. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Resolves when the signal has fired. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
