import type {
  Arrival,
  NewRun,
  RunRecord,
  StateStore,
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
} from '@dudousxd/nestjs-durable-core';
import { test } from 'vitest';
import { buildNewRun, LONG_LEASE_MS, NAMESPACE, QUEUE, runOf } from '../store/build.js';
import type { TransactionFactory, TransactionFixture } from './fixture.js';

/** A store and its ORM on the bench. */
export class TransactionBench {
  readonly fixture: TransactionFixture;
  #count = 0;

  constructor(fixture: TransactionFixture) {
    this.fixture = fixture;
  }

  get store(): StateStore {
    return this.fixture.store;
  }

  newRun(overrides: Partial<NewRun> = {}): NewRun {
    this.#count += 1;
    return buildNewRun(`run-${this.#count}`, overrides);
  }

  /** Creates a run that `worker` owns. */
  async start(worker = 'w1'): Promise<RunRecord> {
    const beat = { worker, namespace: NAMESPACE, leaseMs: LONG_LEASE_MS, serves: [QUEUE] };
    await this.store.heartbeat(beat);
    const [created] = await this.store.createRuns({ runs: [this.newRun()], claim: worker });
    return runOf(created);
  }

  /** One attempt of a transaction of the run, as its owner makes it. */
  transact(
    run: RunRecord,
    work: (tx: unknown) => string | Promise<string>,
    overrides: Partial<TransactionRequest & TransactionGate> = {},
  ): Promise<TransactionOutcome> {
    const request: TransactionRequest = {
      runId: run.id,
      branch: run.branch,
      worker: run.worker ?? 'nobody',
      epoch: run.epoch,
      position: 1,
      name: 'pay',
      cause: 0,
      attempt: 1,
      ...overrides,
    };
    const gate: TransactionGate = {
      startedAt: 5,
      now: () => Date.now(),
      work,
      mayCommit: () => true,
      isAbandoned: () => false,
      ...overrides,
    };
    return this.store.transaction(request, gate);
  }

  /** A body that inserts rows with the ORM. */
  inserting(...ids: string[]): (tx: unknown) => string | Promise<string> {
    return (tx) => this.#insertAll(tx, ids);
  }

  #insertAll(tx: unknown, ids: readonly string[]): string | Promise<string> {
    const [id, ...rest] = ids;
    if (id === undefined) return '"done"';
    const inserted = this.fixture.insert(tx, id);
    if (inserted instanceof Promise) return inserted.then(() => this.#insertAll(tx, rest));
    return this.#insertAll(tx, rest);
  }

  async arrivals(runId: string): Promise<readonly Arrival[]> {
    return (await this.store.receive([runId])).get(runId) ?? [];
  }
}

/** Declares one test on a fresh store. */
export type TransactionTest = (
  title: string,
  body: (bench: TransactionBench) => Promise<void>,
  timeoutMs?: number,
) => void;

/** Binds the tests of the suite to one ORM on one database. */
export function createTransactionTest({ create }: TransactionFactory): TransactionTest {
  return (title, body, timeoutMs = 20_000) => {
    test(title, { timeout: timeoutMs }, async () => {
      const fixture = await create();
      try {
        await fixture.store.migrate();
        await body(new TransactionBench(fixture));
      } finally {
        await fixture.dispose();
      }
    });
  };
}
