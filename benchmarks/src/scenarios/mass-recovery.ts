import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../child.js';
import { onFreshDatabase } from '../databases/index.js';
import { postgres } from '../databases/postgres.js';
import type { AppRequest, AppSettings, FinishResult } from '../mass-recovery-app.js';
import { isWanted, type Options } from '../options.js';
import { orms } from '../orms/index.js';
import type { Orm } from '../orms/orm.js';
import { type Figure, judged } from '../report.js';

/** What the goal allows beyond the lease. */
const BEYOND_LEASE_MS = 10_000;
const STEPS = 3;

interface Plan {
  readonly runs: number;
  readonly leaseMs: number;
}
/** The lease is the engine's default. */
const FULL: Plan = { runs: 20_000, leaseMs: 30_000 };
const QUICK: Plan = { runs: 2_000, leaseMs: 4_000 };

/** 20,000 runs inside a step in a process that is killed; another process ends them. */
export async function massRecovery(options: Options): Promise<readonly Figure[]> {
  const orm = orms.find(({ name }) => isWanted(name, options.orms));
  if (orm === undefined || !isWanted(postgres.name, options.databases)) return [];
  const plan = options.quick ? QUICK : FULL;
  return onFreshDatabase(postgres, ({ address }) => measure(orm, address, plan));
}

async function measure(orm: Orm, address: string, plan: Plan): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'durable-ledger-'));
  const ledger = join(folder, 'ledger');
  const settings = { orm: orm.name, address, ledger, ...plan };
  const diedAt = await fillAndKill({ ...settings, ends: false });
  const finish = await takeOver({ ...settings, ends: true });
  const bodies = readFileSync(ledger, 'utf8').trimEnd().split('\n');
  rmSync(folder, { recursive: true });
  const title = `${postgres.title}, ${orm.title}, ${plan.runs.toLocaleString('en')} runs after SIGKILL`;
  return [...timeFigures(title, plan, { diedAt, finish }), bodiesFigure(title, plan, bodies)];
}

async function fillAndKill(settings: AppSettings): Promise<number> {
  const first = new Child('mass-recovery-app', settings);
  await first.ask<void>({ do: 'fill' } satisfies AppRequest);
  return first.kill();
}

async function takeOver(settings: AppSettings): Promise<FinishResult> {
  const second = new Child('mass-recovery-app', settings);
  const result = await second.ask<FinishResult>({ do: 'finish' } satisfies AppRequest);
  await second.end();
  return result;
}

function timeFigures(
  title: string,
  { leaseMs }: Plan,
  { diedAt, finish }: { diedAt: number; finish: FinishResult },
): readonly Figure[] {
  const { startedAt, firstEndAt, lastEndAt, calls } = finish;
  const method =
    `each inside its second step of ${STEPS}; from the death of the process, with a second one started at once; ` +
    `the lease is ${leaseMs} ms, counted from the last heartbeat`;
  const at = (what: string, time: number): Figure => ({
    name: `${title}: ${what}`,
    value: time - diedAt,
    unit: 'ms',
    method,
  });
  const spent = (what: string, call: keyof typeof calls): Figure => ({
    name: `${title}: in ${calls[call].calls} calls of ${what}`,
    value: calls[call].ms,
    unit: 'ms',
    method: `${method}; durations added up, ${calls[call].items} items`,
  });
  return [
    judged(at('until all have ended', lastEndAt), { atMost: leaseMs + BEYOND_LEASE_MS }),
    at('second process starts', startedAt),
    at('take-over begins', calls.takeOver.firstAt),
    at('take-over ends', calls.takeOver.lastAt),
    at('claims begin', calls.claim.firstAt),
    at('claims end', calls.claim.lastAt),
    at('first run ends', firstEndAt),
    spent('takeOver', 'takeOver'),
    spent('claim', 'claim'),
    spent('history', 'history'),
    spent('commit', 'commit'),
  ];
}

/** The second step was running: it begins once in each process. The others begin once. */
function bodiesFigure(title: string, { runs }: Plan, bodies: readonly string[]): Figure {
  const counts = new Map<string, number>();
  for (const key of bodies) counts.set(key, (counts.get(key) ?? 0) + 1);
  let repeated = 0;
  for (const count of counts.values()) repeated += Math.max(0, count - 1);
  if (counts.size !== runs * STEPS) {
    throw new Error(`${counts.size} of ${runs * STEPS} steps have run`);
  }
  return judged(
    {
      name: `${title}: step bodies repeated that were not running`,
      value: repeated - runs,
      unit: '',
      method: `a ledger outside the database: ${bodies.length} bodies for ${counts.size} steps, of which ${runs} were running`,
    },
    { atMost: 0 },
  );
}
