import type { StateStore } from '@dudousxd/nestjs-durable-core';
import { describe } from 'vitest';
import { describeFaults } from '../src/conformance/store/faults.js';
import type { StatementFault, StoreFixture } from '../src/conformance/store/fixture.js';
import { createModel } from '../src/conformance/store/model.js';

/** The model as a store whose verbs are one statement each: the tests of faults themselves, on something that passes. */
function createFaulting(): StoreFixture {
  const model = createModel();
  let left = Infinity;
  let hit = false;
  const store = new Proxy(model.store, {
    get: (target, verb: keyof StateStore) => {
      const value = target[verb];
      if (typeof value !== 'function') return value;
      return async (...args: readonly never[]): Promise<unknown> => {
        left -= 1;
        if (left < 0 && !hit) {
          hit = true;
          throw new Error('injected');
        }
        return Reflect.apply(value, target, args);
      };
    },
  });
  const failAfterStatements = (n: number): StatementFault => {
    left = n;
    hit = false;
    const disarm = (): void => {
      left = Infinity;
    };
    return { hasHit: () => hit, disarm };
  };
  return { ...model, store, failAfterStatements };
}

describe('the tests of faults', () => {
  describeFaults({ create: async () => createFaulting(), injectsFaults: true });
});
