import type { HistoryEvent, RunRecord, StateStore, Turn } from '@dudousxd/nestjs-durable-core';
import { canTransition, isTerminal } from '@dudousxd/nestjs-durable-core';
import { expect } from 'vitest';
import { buildTurn, completed, NAMESPACE } from '../build.js';
import { listAllRuns } from '../dump.js';
import { SERVES, TOKENS } from './pair.js';

/**
 * Watches one store through its port:
 *
 * - **I1, I5** history is dense, and every look at it shows a continuation of the one before.
 * - **I3** a run keeps what it was created with.
 * - **T6** a status changes along the table of transitions. One operation makes at most one change of each run, so that
 *   it shows only if every operation is followed by a look.
 * - **I10** a terminal run stays as it is; only `retry` of a failed one opens a new branch. Epochs never go back.
 */
export class Watcher {
  readonly #store: StateStore;
  readonly #runs = new Map<string, RunRecord>();
  readonly #histories = new Map<string, readonly HistoryEvent[]>();

  constructor(store: StateStore) {
    this.#store = store;
  }

  async look(): Promise<void> {
    const runs = await listAllRuns(this.#store);
    expect(new Set(runs.map((run) => run.id)).size).toBe(runs.length);
    for (const id of this.#runs.keys()) if (!runs.some((run) => run.id === id)) this.#forget(id);
    for (const run of runs) {
      this.#checkRun(run);
      await this.#checkHistory(run);
      this.#runs.set(run.id, run);
    }
  }

  /** A deleted run's id may be taken by another run. */
  #forget(runId: string): void {
    this.#runs.delete(runId);
    for (const key of this.#histories.keys()) {
      if (key.startsWith(`${runId}/`)) this.#histories.delete(key);
    }
  }

  #checkRun(run: RunRecord): void {
    const before = this.#runs.get(run.id);
    if (run.status !== 'running') expect(run.worker).toBeNull();
    if (!before) return;
    const { id, namespace, workflow, version, input, seed, parent, createdAt } = before;
    const identity = { id, namespace, workflow, version, input, seed, parent, createdAt };
    expect(run).toMatchObject(identity);
    expect(run.epoch).toBeGreaterThanOrEqual(before.epoch);
    checkTransition(before, run);
    if (!isTerminal(before.status)) return;
    if (before.status === 'failed' && run.branch > before.branch) return;
    expect(run).toEqual(before);
  }

  async #checkHistory({ id: runId, branch }: RunRecord): Promise<void> {
    for (let i = 0; i <= branch; i += 1) {
      const [history = []] = await this.#store.history([{ runId, branch: i, after: 0 }]);
      expect(history.map((event) => event.seq)).toEqual(history.map((_, at) => at + 1));
      const before = this.#histories.get(`${runId}/${i}`) ?? [];
      expect(history.slice(0, before.length)).toEqual(before);
      this.#histories.set(`${runId}/${i}`, history);
    }
  }
}

function checkTransition({ id, status: from }: RunRecord, { status: to }: RunRecord): void {
  if (from !== to)
    expect(canTransition(from, to), `run ${id} goes from ${from} to ${to}`).toBe(true);
}

const ROUNDS = 12;
const BACKOFF = { probationFrom: 1_000, backoffMs: 1, backoffCapMs: 1, maxCrashes: 1_000_000 };

/**
 * **I12, I2** No run is forgotten: when all workers are dead, all timers due, and every signal and result that a run can
 * wait for has come, a new worker is given each run that has not ended. Advances the clock by `advance`, and calls
 * `look` after every operation.
 */
export async function expectAllCanEnd(
  store: StateStore,
  { advance, look }: { advance(ms: number): Promise<void>; look(): Promise<void> },
): Promise<void> {
  const left = async (): Promise<readonly RunRecord[]> =>
    (await listAllRuns(store)).filter((run) => !isTerminal(run.status));
  for (let round = 0; round < ROUNDS && (await left()).length > 0; round += 1) {
    await advance(365 * 86_400_000);
    const worker = `finisher-${round}`;
    const operations = [
      () => store.takeOver({ limit: 1_000, ...BACKOFF }),
      () => retryBlocked(store),
      () => finishTasks(store),
      () => sendSignals(store, round),
    ];
    for (const operate of operations) {
      await operate();
      await look();
    }
    const turns = await claimToEnd(store, worker);
    await look();
    // Some are fenced: the end of their parent has terminated them.
    await store.commit(turns);
    await look();
  }
  expect(await left()).toEqual([]);
}

async function retryBlocked(store: StateStore): Promise<void> {
  for (const { id: runId, status, branch, epoch } of await listAllRuns(store)) {
    if (status === 'blocked') await store.retry({ runId, branch, epoch, events: null });
  }
}

async function finishTasks(store: StateStore): Promise<void> {
  const request = { worker: 'py', namespace: NAMESPACE, limit: 1_000, visibilityMs: 0 };
  const { tasks } = await store.takeTasks({ ...request, steps: null });
  const results = tasks.map(({ id: taskId, token, attempt }) => {
    return {
      taskId,
      token,
      result: { attempt, ok: true, payload: '1', worker: 'py', startedAt: 1 },
    };
  });
  await store.completeTasks(results);
}

async function sendSignals(store: StateStore, round: number): Promise<void> {
  const messages = TOKENS.flatMap((token) =>
    Array.from({ length: 10 }, (_, i) => {
      const id = `final-${round}-${i}`;
      return { namespace: NAMESPACE, token, id, payload: '1', ttlMs: 1_000_000 };
    }),
  );
  await store.signal(messages);
}

/** Claims what it can, and answers with the turns that end it. */
async function claimToEnd(store: StateStore, worker: string): Promise<readonly Turn[]> {
  const namespace = NAMESPACE;
  await store.heartbeat({ worker, namespace, leaseMs: 1_000, serves: SERVES });
  const request = { worker, namespace, serves: SERVES, limit: 1_000, resync: false };
  const { claimed } = await store.claim(request);
  return claimed.map(({ run }) => buildTurn(run, { change: completed('"end"', true) }));
}
