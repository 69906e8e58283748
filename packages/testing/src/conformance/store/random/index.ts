import fc from 'fast-check';
import { describe, test } from 'vitest';
import { START } from '../build.js';
import type { StoreFactory, StoreFixture } from '../fixture.js';
import { createModel } from '../model.js';
import { type Command, commands } from './commands.js';
import { Interpreter } from './interpreter.js';
import { expectAllCanEnd, Watcher } from './invariants.js';
import { StorePair } from './pair.js';

/** Ends a search for the smallest failing sequence in time to report what it has found. */
const TIME_LIMIT = { interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true };

async function runSequence(fixture: StoreFixture, sequence: readonly Command[]): Promise<void> {
  await fixture.store.migrate();
  const pair = new StorePair(fixture, createModel());
  await pair.setNow(START);
  const interpreter = new Interpreter(pair);
  const watcher = new Watcher(pair.subject);
  for (const command of sequence) {
    await interpreter.execute(command);
    await watcher.look();
  }
  await pair.compareStates();
  await expectAllCanEnd(pair.subject, {
    advance: (ms) => pair.setNow(pair.now + ms),
    look: () => watcher.look(),
  });
}

/** Random sequences of operations: answers and state are the model's, and the invariants hold. */
export function describeRandomSequences({ create, randomSequences = 100 }: StoreFactory): void {
  describe('random sequences', () => {
    test('answer as the model does, and keep the invariants', {
      timeout: 120_000,
    }, async (context) => {
      const property = fc.asyncProperty(commands, async (sequence) => {
        const fixture = await create();
        try {
          if (!fixture.setNow) context.skip('the clock of this store cannot be set');
          await runSequence(fixture, sequence);
        } finally {
          await fixture.dispose();
        }
      });
      await fc.assert(property, { numRuns: randomSequences, ...TIME_LIMIT });
    });
  });
}
