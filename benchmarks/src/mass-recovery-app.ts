/**
 * An application with very many runs of three steps in flight. In the first process, the second step never ends; in the
 * next, it ends at once. Every step body that begins writes a line into the ledger.
 */
import { openSync, writeSync } from 'node:fs';
import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { readSettings, serve } from './child.js';
import { closedLoop } from './measure.js';
import { openStore } from './orms/index.js';
import { type Calls, timedStore } from './timed-store.js';
import './workloads.js';

export interface AppSettings {
  readonly orm: string;
  readonly address: string;
  /** Path of a file. */
  readonly ledger: string;
  readonly runs: number;
  readonly leaseMs: number;
  /** Whether the second step ends. */
  readonly ends: boolean;
}

/** `fill`: answers when all runs are inside their second step. `finish`: when all runs have ended. */
export type AppRequest = { readonly do: 'fill' | 'finish' };

/** Answer to `finish`; times in epoch milliseconds. */
export interface FinishResult {
  readonly startedAt: number;
  readonly firstEndAt: number;
  readonly lastEndAt: number;
  readonly calls: Calls;
}

const startedAt = Date.now();
const settings = readSettings<AppSettings>();
const ledger = openSync(settings.ledger, 'a');
const { store, close } = await openStore(settings.orm, 'postgres', settings.address);
const timed = timedStore(store);
// As an application that has so many: before its death and after.
const room = settings.runs + 1_000;
const engine = new DurableEngine({
  store: timed.store,
  worker: { lease: settings.leaseMs, maxActiveRuns: room, maxLocalSteps: room },
});

let inside = 0;
let ended = 0;
let firstEndAt = 0;
const finished = Promise.withResolvers<void>();
const filled = Promise.withResolvers<void>();

engine.registerWorkflow({
  name: 'three',
  version: '1',
  source: 'three',
  run: async (ctx) => {
    await ctx.step('one', ({ idempotencyKey }) => note(idempotencyKey));
    await ctx.step('two', ({ idempotencyKey }) => {
      note(idempotencyKey);
      inside += 1;
      if (inside === settings.runs) filled.resolve();
      return settings.ends ? undefined : new Promise<never>(() => {});
    });
    await ctx.step('three', ({ idempotencyKey }) => note(idempotencyKey));
  },
});
engine.on(({ type }) => {
  if (type !== 'run.completed') return;
  ended += 1;
  if (ended === 1) firstEndAt = Date.now();
  if (ended === settings.runs) finished.resolve();
});
await engine.start();

serve<AppRequest>((request) => (request.do === 'fill' ? fill() : finish()));

/** The key is the same for every execution of a step. */
function note(key: string): void {
  writeSync(ledger, `${key}\n`);
}

async function fill(): Promise<void> {
  await closedLoop(settings.runs, 256, () => engine.startRun('three', null));
  await filled.promise;
}

async function finish(): Promise<FinishResult> {
  await finished.promise;
  const lastEndAt = Date.now();
  await engine.stop();
  await close();
  return { startedAt, firstEndAt, lastEndAt, calls: timed.calls };
}
