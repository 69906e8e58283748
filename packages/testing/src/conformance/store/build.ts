import type {
  CreateOutcome,
  HistoryEvent,
  NewRun,
  NewTask,
  RunRecord,
  Turn,
} from '@dudousxd/nestjs-durable-core';

/** Where the clock of a controlled store stands at the start of a test. */
export const START = 1_750_000_000_000;
export const NAMESPACE = 'conformance';
const WORKFLOW = 'order';
export const QUEUE = 'order@1';
/** Long enough that no lease ends by itself in a test that does not ask for it. */
export const LONG_LEASE_MS = 10 * 365 * 24 * 3_600_000;

/** A run to be created. */
export function buildNewRun(id: string, overrides: Partial<NewRun> = {}): NewRun {
  return {
    id,
    namespace: NAMESPACE,
    workflow: WORKFLOW,
    version: '1',
    input: '{"n":1}',
    inputDigest: 'digest-of-input',
    seed: `seed-of-${id}`,
    parent: null,
    tags: [],
    priority: 0,
    startAt: null,
    timeoutMs: null,
    ...overrides,
  };
}

/** The run that an answer to a start is about. */
export function runOf(answer: CreateOutcome | undefined): RunRecord {
  if (answer === undefined || answer.outcome === 'busy') throw new Error('no run was created');
  return answer.run;
}

/** A turn of the run as its owner would commit it now; by default it changes nothing. */
export function buildTurn(run: RunRecord, overrides: Partial<Turn> = {}): Turn {
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

/** A finished local step. */
export function buildEvent(seq: number, overrides: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    seq,
    type: 'completed',
    kind: 'step',
    position: seq,
    name: `step-${seq}`,
    digest: null,
    cause: seq - 1,
    attempt: 1,
    payload: `"result-${seq}"`,
    at: START + seq,
    startedAt: START,
    worker: 'w1',
    site: null,
    group: null,
    detail: null,
    ...overrides,
  };
}

/** A remote attempt of the run. */
export function buildTask(run: RunRecord, id: string, overrides: Partial<NewTask> = {}): NewTask {
  return {
    id,
    namespace: run.namespace,
    runId: run.id,
    branch: run.branch,
    position: 1,
    attempt: 1,
    step: 'charge',
    token: `token-of-${id}`,
    input: '{"amount":5}',
    idempotencyKey: `key-of-${id}`,
    timeoutMs: null,
    heartbeatTimeoutMs: null,
    priority: 0,
    progress: null,
    ...overrides,
  };
}

/** A turn's change that suspends the run until something arrives, or until `wakeAt`. */
export function suspended(wakeAt: number | null = null): Turn['change'] {
  const waitingFor = [{ kind: 'signal', name: 'approval', position: 1 }] as const;
  return { to: 'suspended', wakeAt, waitingFor };
}

/** A turn's change that completes the run. */
export function completed(output = '"done"', hasChildren = false): Turn['change'] {
  const outcome = { status: 'completed', output, error: null, reason: null } as const;
  return { to: 'settled', outcome, hasChildren };
}

/** A turn's change that fails the run. */
export function failed(error = '"broken"', hasChildren = false): Turn['change'] {
  const outcome = { status: 'failed', output: null, error, reason: null } as const;
  return { to: 'settled', outcome, hasChildren };
}

/** A turn's change that blocks the run. */
export function blocked(reason = 'history does not match'): Turn['change'] {
  return { to: 'blocked', reason, error: '"mismatch"' };
}
