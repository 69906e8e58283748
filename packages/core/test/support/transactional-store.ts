import type {
  InMemoryStateStore,
  StateStore,
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
} from '../../src/index.js';
import { wrapStore } from './wrap-store.js';

/** What happens around a COMMIT. */
export interface CommitHooks {
  /** It is too late to end the attempt, and nothing has committed yet. */
  readonly before?: (request: TransactionRequest) => void | Promise<void>;
  /** It has committed, and nobody knows of it yet. */
  readonly after?: (request: TransactionRequest) => void | Promise<void>;
}

/**
 * A store in memory with transactions that do nothing but to commit: a checkpoint is a message like any other. For what
 * the engine does around them; what a database does is tested on databases.
 */
export function withTransactions(store: InMemoryStateStore, hooks: CommitHooks = {}): StateStore {
  return wrapStore(store, {
    capabilities: { ...store.capabilities, transactions: true },
    transaction: (request, gate) => transact(store, { request, gate, hooks }),
  });
}

interface Transaction {
  readonly request: TransactionRequest;
  readonly gate: TransactionGate;
  readonly hooks: CommitHooks;
}

async function transact(
  store: InMemoryStateStore,
  { request, gate, hooks }: Transaction,
): Promise<TransactionOutcome> {
  const { runId, branch, worker, epoch, position, name, cause, attempt } = request;
  const payload = await gate.work('tx');
  if (!gate.mayCommit()) return { outcome: 'abandoned' };
  await hooks.before?.(request);
  const run = await store.getRun(runId);
  if (run?.worker !== worker || run.epoch !== epoch) return { outcome: 'fenced' };
  const checkpoint = { position, name, cause, attempt, payload, startedAt: gate.startedAt };
  const key = `transaction:${position}`;
  await store.deliver([{ runId, branch, key, body: { kind: 'transaction', ...checkpoint } }]);
  const arrivals = (await store.receive([runId])).get(runId) ?? [];
  const arrival = arrivals.find((it) => it.type === 'inbox' && it.body.kind === 'transaction');
  await hooks.after?.(request);
  if (!arrival) throw new Error('the checkpoint has been consumed before');
  return { outcome: 'committed', arrival };
}
