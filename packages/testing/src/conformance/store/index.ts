import { describe } from 'vitest';
import { describeChildren } from './children.js';
import { describeClaims } from './claims.js';
import { describeCommitAgain } from './commit-again.js';
import { describeCommitFencing } from './commit-fencing.js';
import { describeCommitTurns } from './commit-turns.js';
import { describeConcurrency } from './concurrency.js';
import { describeCopies } from './copies.js';
import { describeCrashes } from './crashes.js';
import { describeCreateRuns } from './create-runs.js';
import { describeFaults } from './faults.js';
import { describeFidelity } from './fidelity.js';
import type { StoreFactory } from './fixture.js';
import { describeInbox } from './inbox.js';
import { describeListing } from './listing.js';
import { describeOperatorVerbs } from './operator-verbs.js';
import { describeRandomSequences } from './random/index.js';
import { describeRetriedParents } from './retried-parents.js';
import { describeSignals } from './signals.js';
import { createStoreTest } from './store-test.js';
import { describeTasks } from './tasks.js';
import { describeWaits } from './waits.js';
import { describeWorkers } from './workers.js';

export type { StatementFault, StoreFactory, StoreFixture } from './fixture.js';

/** Declares the tests that every implementation of the store port has to pass. */
export function describeStoreConformance(name: string, factory: StoreFactory): void {
  const storeTest = createStoreTest(factory);
  describe(`store conformance: ${name}`, () => {
    describeCreateRuns(storeTest);
    describeClaims(storeTest);
    describeCommitFencing(storeTest);
    describeCommitAgain(storeTest);
    describeCommitTurns(storeTest);
    describeInbox(storeTest);
    describeSignals(storeTest);
    describeWaits(storeTest);
    describeChildren(storeTest);
    describeRetriedParents(storeTest);
    describeWorkers(storeTest);
    describeCrashes(storeTest);
    describeTasks(storeTest);
    describeOperatorVerbs(storeTest);
    describeListing(storeTest);
    describeFidelity(storeTest);
    describeCopies(storeTest);
    describeConcurrency(storeTest);
    describeFaults(factory);
    describeRandomSequences(factory);
  });
}
