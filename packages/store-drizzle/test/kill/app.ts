/** The process that is killed: an engine on a SQLite file. What to do is in its one argument, an `AppOptions`. */
import { randomUUID } from 'node:crypto';
import {
  DurableEngine,
  type HistoryEvent,
  type LifecycleEvent,
  type StateStore,
} from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { AppOptions } from './app-options.js';
import { Ledger } from './ledger.js';
import { type RunBody, SIGNAL, scenarios } from './scenarios.js';
import { nameOfAcknowledged, StopPoints } from './stop-points.js';

const options = JSON.parse(process.argv[2] ?? '') as AppOptions;
const { runId, scenario, input } = options;
const ledger = new Ledger(options.ledger, options.life);
const points = new StopPoints(options.stopAt, ledger);

const now = () => Date.now() + options.clockAheadMs;
const Database = points.watchTransactions();
const store = new DrizzleStateStore(drizzle(new Database(options.database)), { now });
ledger.append({ what: 'boot', history: await readHistory(store) });

const body: RunBody = async (step, { attempt, idempotencyKey }) => {
  const call = { step, attempt, idempotencyKey, token: randomUUID() };
  ledger.append({ what: 'begin', ...call });
  await points.passAsync(`in ${step}`);
  ledger.append({ what: 'end', ...call });
  return { step, attempt, token: call.token };
};
const { run, steps } = scenarios[scenario](body);

const engine = new DurableEngine({
  store: points.watch(store),
  worker: { lease: options.leaseMs, maxPoll: 20 },
});
engine.registerWorkflow({ name: scenario, version: '1', run, source: scenario });
for (const step of steps) engine.registerStep(step);
engine.on(onCommitted);
await engine.start();

// A client that got no answer asks again: the same start, and the same signal once the run waits for it.
const { created } = await engine.startRun(scenario, input, { runId });
points.pass('acked start');
ledger.append({ what: 'started', created });
let approved: Promise<void> | undefined;
const { waitingFor } = await engine.getRun(runId);
if (waitingFor.some(({ kind }) => kind === 'signal')) approve();

const result = await engine.waitForRun(runId);
await approved;
ledger.append({ what: 'result', result, history: await readHistory(store) });
process.exit(0);

function onCommitted(event: LifecycleEvent): void {
  for (const { kind, type, name, attempt } of event.events) {
    const isStep = kind === 'step' || kind === 'remote';
    if (isStep && type !== 'scheduled') ledger.append({ what: 'acked', step: name, attempt });
    if (kind === 'signal' && type === 'scheduled') setImmediate(approve);
  }
  const commit = nameOfAcknowledged(event);
  if (commit !== null) points.pass(`acked ${commit}`);
}

function approve(): void {
  approved ??= sendApproval();
}

async function sendApproval(): Promise<void> {
  const { token, id, payload } = SIGNAL;
  const { accepted } = await engine.signal(token, payload, { id });
  points.pass('acked signal');
  ledger.append({ what: 'signalled', accepted });
}

async function readHistory(from: StateStore): Promise<readonly HistoryEvent[]> {
  const [events = []] = await from.history([{ runId, branch: 0, after: 0 }]);
  return events;
}
