/**
 * `ctx.transaction`: the application's writes and the checkpoint in one transaction of its own ORM.
 *
 * - The transaction belongs to the user's code until that is done. Then come, as its last statements: the proof that it is
 *   still the one that was begun, the lock of the run with the check of its owner (T2), and the checkpoint. So the run is
 *   locked only from there to COMMIT (semantics.md 6).
 * - A COMMIT without an answer is looked up before anything else happens (trap B8). Only a transaction whose checkpoint was
 *   acknowledged can have sent COMMIT, and it holds the run's row until it has ended: whoever has the lock knows.
 * - A conflict with others, which has rolled everything back, runs the whole again, as the same attempt.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
} from '@dudousxd/nestjs-durable-core';
import { conflictOf } from '../sql/conflict.js';
import type { SqlExecutor } from '../sql/executor.js';
import { andThen, type MaybePromise } from '../sql/maybe-promise.js';
import type { OrmTransactions } from '../sql/orm-transactions.js';
import { findCheckpoint, type Written, writeCheckpoint } from './checkpoint.js';
import { markBegin, requireUnbroken } from './savepoint.js';

/** Where transactions are opened, and where they are looked up. */
export interface TransactionPlace {
  readonly executor: SqlExecutor;
  readonly transactions: OrmTransactions;
}

/** Tries of a transaction that others roll back, by conflicts. */
const MAX_CONFLICTS = 5;
/** How long a database that others have locked is tried again, in milliseconds. */
const MAX_BUSY_MS = 10_000;
const CONFLICT_PAUSE_MS = 20;
const BUSY_PAUSE_MS = 8;
const LOOKUP_PAUSE_MS = 20;
const MAX_LOOKUP_PAUSE_MS = 1_000;

const ABANDONED: TransactionOutcome = { outcome: 'abandoned' };
const FENCED: TransactionOutcome = { outcome: 'fenced' };

/** The verb `transaction`. */
export async function runTransaction(
  place: TransactionPlace,
  request: TransactionRequest,
  gate: TransactionGate,
): Promise<TransactionOutcome> {
  const since = performance.now();
  for (let tries = 1; ; tries += 1) {
    if (gate.isAbandoned()) return ABANDONED;
    const one = new Try(place, request, gate);
    try {
      return await one.run();
    } catch (error) {
      const outcome =
        one.verdict ?? (one.mayHaveCommitted ? await lookUp(place, request, gate) : null);
      if (outcome !== null) return outcome;
      const pauseMs = pauseAfter(error, tries, performance.now() - since);
      if (pauseMs === null) throw error;
      await delay(pauseMs);
    }
  }
}

/** Ends a transaction without its work. */
class RolledBack extends Error {}

/** One transaction, from BEGIN to its end. */
class Try {
  /** Set when it has to be rolled back, whatever the ORM makes of the error that does so. */
  verdict: TransactionOutcome | null = null;
  /** The checkpoint was acknowledged: COMMIT may have been sent. */
  mayHaveCommitted = false;
  readonly #place: TransactionPlace;
  readonly #request: TransactionRequest;
  readonly #gate: TransactionGate;

  constructor(place: TransactionPlace, request: TransactionRequest, gate: TransactionGate) {
    this.#place = place;
    this.#request = request;
    this.#gate = gate;
  }

  run(): Promise<TransactionOutcome> {
    return this.#place.transactions.begin((tx) => this.#work(tx));
  }

  #work(tx: unknown): MaybePromise<TransactionOutcome> {
    // It may have waited for a connection.
    if (this.#gate.isAbandoned()) return this.#rollBack(ABANDONED);
    const { transactions, executor } = this.#place;
    const runner = transactions.runnerOf(tx);
    return andThen(markBegin(runner, executor), () =>
      andThen(this.#body(tx), (payload) => {
        if (!this.#gate.mayCommit()) return this.#rollBack(ABANDONED);
        const { name } = this.#request;
        const last = transactions.seal?.(tx, name) ?? runner;
        return andThen(requireUnbroken(last, name, executor), () =>
          andThen(
            last.run(() =>
              writeCheckpoint(executor.dialect, this.#request, this.#outcome(payload)),
            ),
            (written) => this.#judge(written),
          ),
        );
      }),
    );
  }

  /** The user's code, and what its ORM has held back: a statement that fails there is a failure of the body. */
  #body(tx: unknown): MaybePromise<string> {
    const { transactions } = this.#place;
    return andThen(this.#gate.work(tx), (payload) =>
      transactions.flush ? andThen(transactions.flush(tx), () => payload) : payload,
    );
  }

  #outcome(payload: string) {
    const { startedAt } = this.#gate;
    return { payload, startedAt, now: this.#gate.now() };
  }

  #judge(written: Written): TransactionOutcome {
    const outcome = toOutcome(written);
    if (written.is !== 'written') return this.#rollBack(outcome);
    this.mayHaveCommitted = true;
    return outcome;
  }

  #rollBack(verdict: TransactionOutcome): never {
    this.verdict = verdict;
    throw new RolledBack(verdict.outcome);
  }
}

function toOutcome(written: Written): TransactionOutcome {
  if (written.is === 'fenced') return FENCED;
  return { outcome: written.is === 'written' ? 'committed' : 'recorded', arrival: written.arrival };
}

/** Asks until the database answers whether the transaction has committed; null = it has not. */
async function lookUp(
  { executor }: TransactionPlace,
  request: TransactionRequest,
  gate: TransactionGate,
): Promise<TransactionOutcome | null> {
  for (let pauseMs = LOOKUP_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_LOOKUP_PAUSE_MS)) {
    try {
      const found = await executor.write(() => findCheckpoint(request));
      return found === null ? null : toOutcome(found);
    } catch {
      // The database is not there yet. Whoever claims the run next finds the checkpoint, if there is one.
      if (gate.isAbandoned()) return ABANDONED;
    }
    await delay(pauseMs);
  }
}

/** Before the next try; null = there is none. */
function pauseAfter(error: unknown, tries: number, elapsedMs: number): number | null {
  switch (conflictOf(error)) {
    case 'busy':
      return elapsedMs < MAX_BUSY_MS ? 1 + Math.random() * BUSY_PAUSE_MS : null;
    case 'conflict':
      return tries < MAX_CONFLICTS ? Math.random() * CONFLICT_PAUSE_MS * tries : null;
    default:
      return null;
  }
}
