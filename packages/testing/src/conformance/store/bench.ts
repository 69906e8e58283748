import type {
  Arrival,
  ClaimRequest,
  ClaimResult,
  CommitResult,
  DeliverResult,
  HeartbeatResult,
  HistoryEvent,
  InboxMessage,
  NewRun,
  RunRecord,
  SignalMessage,
  StateStore,
  TakeOverRequest,
  TakeOverResult,
  TakeTasksRequest,
  Turn,
} from '@dudousxd/nestjs-durable-core';
import { buildNewRun, buildTurn, LONG_LEASE_MS, NAMESPACE, QUEUE, runOf, START } from './build.js';
import type { StoreFixture } from './fixture.js';

/** A store on the bench: the port's verbs with the suite's defaults, for one item at a time, and the clock. */
export class StoreBench {
  readonly store: StateStore;
  readonly fixture: StoreFixture;
  readonly #skip: (reason: string) => void;
  #now = START;
  #count = 0;

  constructor(fixture: StoreFixture, skip: (reason: string) => void) {
    this.store = fixture.store;
    this.fixture = fixture;
    this.#skip = skip;
  }

  /** The store's time. Skips the test where the store's clock cannot be set. */
  get now(): number {
    if (!this.fixture.setNow) this.#skip('the clock of this store cannot be set');
    return this.#now;
  }

  async advance(ms: number): Promise<void> {
    const now = this.now + ms;
    this.#now = now;
    await this.fixture.setNow?.(now);
  }

  /** `count` handles on the same data: several processes where the store can be shared. */
  async handles(count: number): Promise<StateStore[]> {
    const { store, fixture } = this;
    const open = async (): Promise<StateStore> => (await fixture.secondHandle?.()) ?? store;
    return [store, ...(await Promise.all(Array.from({ length: count - 1 }, open)))];
  }

  newRun(overrides: Partial<NewRun> = {}): NewRun {
    this.#count += 1;
    return buildNewRun(`run-${String(this.#count).padStart(4, '0')}`, overrides);
  }

  /** Creates a run that nobody owns. */
  async create(overrides: Partial<NewRun> = {}): Promise<RunRecord> {
    const created = await this.store.createRuns({ runs: [this.newRun(overrides)], claim: null });
    return runOf(only(created));
  }

  /** Creates a run that `worker` owns. The worker is registered before. */
  async start(worker = 'w1', overrides: Partial<NewRun> = {}): Promise<RunRecord> {
    await this.heartbeat(worker);
    const created = await this.store.createRuns({ runs: [this.newRun(overrides)], claim: worker });
    return runOf(only(created));
  }

  /** Claims as `worker`, who serves the suite's workflow. */
  async claim(worker = 'w1', overrides: Partial<ClaimRequest> = {}): Promise<ClaimResult> {
    const request = { worker, namespace: NAMESPACE, serves: [QUEUE], limit: 100, resync: false };
    return this.store.claim({ ...request, ...overrides });
  }

  /** Claims as `worker`, who is registered before, and returns that run. */
  async claimRun(runId: string, worker = 'w1'): Promise<RunRecord> {
    await this.heartbeat(worker);
    const { claimed } = await this.claim(worker);
    const found = claimed.find(({ run }) => run.id === runId);
    if (!found) throw new Error(`run ${runId} was not claimable`);
    return found.run;
  }

  /** Ids of the runs that a claim finds now. They are owned by `worker` afterwards. */
  async claimIds(worker = 'w1', overrides: Partial<ClaimRequest> = {}): Promise<string[]> {
    const { claimed } = await this.claim(worker, overrides);
    return claimed.map(({ run }) => run.id);
  }

  async commit(run: RunRecord, overrides: Partial<Turn> = {}): Promise<CommitResult> {
    return only(await this.store.commit([buildTurn(run, overrides)]));
  }

  async deliver(message: InboxMessage): Promise<DeliverResult> {
    return only(await this.store.deliver([message]));
  }

  /** Asks a run to cancel: the plainest of inbox messages. */
  async sendCancel(runId: string, overrides: Partial<InboxMessage> = {}): Promise<DeliverResult> {
    const body = { kind: 'cancel', reason: null } as const;
    return this.deliver({ runId, branch: null, key: 'cancel', body, ...overrides });
  }

  async signal(token: string, overrides: Partial<SignalMessage> = {}): Promise<DeliverResult> {
    this.#count += 1;
    const id = `signal-${this.#count}`;
    const message = { namespace: NAMESPACE, token, id, payload: `"${id}"`, ttlMs: 3_600_000 };
    return only(await this.store.signal([{ ...message, ...overrides }]));
  }

  async receive(runId: string): Promise<readonly Arrival[]> {
    return (await this.store.receive([runId])).get(runId) ?? [];
  }

  async requireRun(runId: string): Promise<RunRecord> {
    const run = await this.store.getRun(runId);
    if (!run) throw new Error(`run ${runId} is gone`);
    return run;
  }

  async history(runId: string, branch = 0): Promise<readonly HistoryEvent[]> {
    return only(await this.store.history([{ runId, branch, after: 0 }]));
  }

  async heartbeat(worker: string, leaseMs = LONG_LEASE_MS): Promise<HeartbeatResult> {
    return this.store.heartbeat({ worker, namespace: NAMESPACE, leaseMs, serves: [QUEUE] });
  }

  async takeOver(overrides: Partial<TakeOverRequest> = {}): Promise<TakeOverResult> {
    const backoff = { probationFrom: 3, backoffMs: 1_000, backoffCapMs: 60_000 };
    return this.store.takeOver({ limit: 1_000, maxCrashes: 10, ...backoff, ...overrides });
  }

  /** Ids of the tasks that are visible now; they stay visible. */
  async visibleTasks(overrides: Partial<TakeTasksRequest> = {}): Promise<string[]> {
    const request = { worker: 'peek', namespace: NAMESPACE, limit: 1_000, visibilityMs: 0 };
    const { tasks } = await this.store.takeTasks({ ...request, steps: null, ...overrides });
    return tasks.map((task) => task.id);
  }
}

/** The one element of an answer to a batch of one. */
export function only<T>(items: readonly T[]): T {
  const [item, ...rest] = items;
  if (item === undefined || rest.length > 0) {
    throw new Error(`expected one answer, got ${items.length}`);
  }
  return item;
}
