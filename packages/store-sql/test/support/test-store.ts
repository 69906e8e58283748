import type {
  CreateOutcome,
  HistoryEvent,
  NewRun,
  RunRecord,
  SignalMessage,
  Turn,
} from '@dudousxd/nestjs-durable-core';
import { SqliteExecutor, SqlStateStore } from '../../src/index.js';
import { RecordingDriver } from './recording-driver.js';

/** A store on a database in memory, with its executor and its driver. */
export class TestStore {
  readonly driver = new RecordingDriver(':memory:');
  readonly executor = new SqliteExecutor({
    connect: () => ({ driver: this.driver, owned: false }),
    now: () => this.now,
  });
  readonly store = new SqlStateStore(this.executor, {
    name: 'test',
    capabilities: { durable: false, shared: false, writeLanes: 1, hints: false },
  });
  now = 1_750_000_000_000;

  /** An open store with the schema. */
  static async open(): Promise<TestStore> {
    const test = new TestStore();
    await test.store.migrate();
    test.driver.take();
    return test;
  }

  /** Creates runs that `worker` owns, or nobody. */
  async create(
    ids: readonly string[],
    worker: string | null = 'w1',
  ): Promise<readonly RunRecord[]> {
    const created = await this.store.createRuns({
      runs: ids.map((id) => newRun(id)),
      claim: worker,
    });
    this.driver.take();
    return runsOf(created);
  }

  /** The texts sent by an operation, in order. */
  async textsOf(operation: () => Promise<unknown>): Promise<readonly string[]> {
    this.driver.take();
    await operation();
    return this.driver.take().map(({ sql }) => sql);
  }

  /** How many rows an operation read. */
  async rowsReadBy(operation: () => Promise<unknown>): Promise<number> {
    this.driver.take();
    await operation();
    return this.driver.take().reduce((sum, { rows }) => sum + rows, 0);
  }
}

/** The runs that answers to starts are about. */
export function runsOf(answers: readonly CreateOutcome[]): readonly RunRecord[] {
  return answers.flatMap((answer) => (answer.outcome === 'busy' ? [] : [answer.run]));
}

export function newRun(id: string, overrides: Partial<NewRun> = {}): NewRun {
  return {
    id,
    namespace: 'default',
    workflow: 'order',
    version: '1',
    input: '{}',
    inputDigest: 'digest',
    seed: 'seed',
    parent: null,
    tags: [],
    priority: 0,
    startAt: null,
    timeoutMs: null,
    ...overrides,
  };
}

export function newTurn(run: RunRecord, overrides: Partial<Turn> = {}): Turn {
  return {
    runId: run.id,
    namespace: run.namespace,
    branch: run.branch,
    worker: run.worker ?? 'nobody',
    epoch: run.epoch,
    events: [],
    consumedInbox: [],
    consumedSignals: [],
    waits: [],
    withdrawals: [],
    tasks: [],
    endedTasks: [],
    children: [],
    messages: [],
    change: null,
    ...overrides,
  };
}

export function newEvent(seq: number, overrides: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    seq,
    type: 'completed',
    kind: 'step',
    position: seq,
    name: 'charge',
    digest: null,
    cause: seq - 1,
    attempt: 1,
    payload: '{}',
    at: 1,
    startedAt: 1,
    worker: 'w1',
    site: null,
    group: null,
    detail: null,
    ...overrides,
  };
}

export function newSignal(token: string, id: string): SignalMessage {
  return { namespace: 'default', token, id, payload: '{}', ttlMs: 3_600_000 };
}
