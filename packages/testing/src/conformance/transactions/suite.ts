import { describe } from 'vitest';
import { createTransactionTest } from './bench.js';
import { describeCheckpoints } from './checkpoints.js';
import { describeTransactionalClients } from './clients.js';
import { Engines } from './engines.js';
import { describeTransactionFaults } from './faults.js';
import type { TransactionFactory } from './fixture.js';
import { describeLeftBehind } from './left-behind.js';
import { describeTransactionalSignals } from './signals.js';
import { describeTransactionalStarts } from './starts.js';
import { describeTransactionalSteps, type EngineTest } from './workflows.js';

/** Declares the tests that a store passes on the transactions of an ORM, for each of its databases. */
export function describeTransactionConformance(name: string, factory: TransactionFactory): void {
  const storeTest = createTransactionTest(factory);
  const engineTest: EngineTest = (title, body) =>
    storeTest(
      title,
      async (bench) => {
        const engines = new Engines();
        try {
          await body(bench, engines);
        } finally {
          await engines.stop();
        }
      },
      60_000,
    );
  describe(`transactions: ${name}`, () => {
    describeCheckpoints(storeTest);
    describeLeftBehind(storeTest);
    describeTransactionalStarts(storeTest);
    describeTransactionalSignals(storeTest);
    describeTransactionalSteps(engineTest);
    describeTransactionalClients(engineTest);
    describeTransactionFaults(engineTest);
  });
}
