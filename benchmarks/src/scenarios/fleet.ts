import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { Client } from 'pg';
import { Child } from '../child.js';
import { onFreshDatabase } from '../databases/index.js';
import { postgres } from '../databases/postgres.js';
import type { LoopResult, MemberRequest, MemberSettings, StopResult } from '../fleet-member.js';
import { closedLoop, median } from '../measure.js';
import { isWanted, type Options } from '../options.js';
import { openStore, orms } from '../orms/index.js';
import type { Orm } from '../orms/orm.js';
import { type Figure, judged } from '../report.js';

const SIZES = [1, 2, 4] as const;
const IN_FLIGHT = 256;
const WORKFLOW = 'counted';
const STEPS = 5;

interface Plan {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Runs that no member has started: whoever claims them executes them. */
  readonly openRuns: number;
}
const FULL: Plan = { rounds: 5, warmUpMs: 1_500, measuredMs: 4_000, openRuns: 5_000 };
const QUICK: Plan = { rounds: 2, warmUpMs: 500, measuredMs: 1_000, openRuns: 500 };

/** 1, 2 and 4 processes on one PostgreSQL with the same number of runs in flight in all. */
export async function fleet(options: Options): Promise<readonly Figure[]> {
  const orm = orms.find(({ name }) => isWanted(name, options.orms));
  if (orm === undefined || !isWanted(postgres.name, options.databases)) return [];
  const plan = options.quick ? QUICK : FULL;
  return onFreshDatabase(postgres, ({ address }) => measure({ orm, address, plan }));
}

interface Subject {
  readonly orm: Orm;
  readonly address: string;
  readonly plan: Plan;
}

async function measure({ orm, address, plan }: Subject): Promise<readonly Figure[]> {
  const settings: MemberSettings = { database: postgres.name, orm: orm.name, address };
  const members = Array.from(
    { length: Math.max(...SIZES) },
    () => new Child('fleet-member', settings),
  );
  const tally = { bodies: 0 };
  const rates = await measureRates(members, plan, tally);
  await claimOpenRuns(members, { orm, address, plan }, tally);
  for (const member of members) await member.end();
  const verdict = await judgeHistory(address, tally.bodies);
  const title = `${postgres.title}, ${orm.title}`;
  return [...rateFigures(title, rates, plan), ...verdictFigures(title, verdict, plan)];
}

/** Runs/s of all together, by size of the fleet, one for each round. */
type Rates = ReadonlyMap<number, readonly number[]>;

/** Step bodies that have been executed in all processes. */
interface Tally {
  bodies: number;
}

async function measureRates(members: readonly Child[], plan: Plan, tally: Tally): Promise<Rates> {
  const rates = new Map<number, number[]>(SIZES.map((size) => [size, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    // Who comes later finds larger tables: the sizes take turns.
    for (let turn = 0; turn < SIZES.length; turn += 1) {
      const size = SIZES[(round + turn) % SIZES.length] ?? 1;
      rates.get(size)?.push(await rateOf(members.slice(0, size), plan, tally));
    }
  }
  return rates;
}

async function rateOf(
  members: readonly Child[],
  { warmUpMs, measuredMs }: Plan,
  tally: Tally,
): Promise<number> {
  await start(members);
  const from = Date.now() + warmUpMs;
  const until = from + measuredMs;
  const inFlight = IN_FLIGHT / members.length;
  const results = await askAll<LoopResult>(members, { do: 'loop', inFlight, from, until });
  await stop(members, tally);
  return (results.reduce((sum, { ended }) => sum + ended, 0) * 1_000) / measuredMs;
}

/** Runs of a process that executes none: all members compete for them. */
async function claimOpenRuns(
  members: readonly Child[],
  { orm, address, plan }: Subject,
  tally: Tally,
): Promise<void> {
  const opened = await openStore(orm.name, postgres.name, address);
  const starter = new DurableEngine({ store: opened.store, worker: false });
  await starter.start();
  await start(members);
  await closedLoop(plan.openRuns, 64, () => starter.startRun(WORKFLOW, null, { version: '1' }));
  const unfinished = async () =>
    (await starter.listRuns({ status: ['pending', 'running', 'suspended'], limit: 1 })).runs.length;
  while ((await unfinished()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await stop(members, tally);
  await starter.stop();
  await opened.close();
}

async function start(members: readonly Child[]): Promise<void> {
  await askAll(members, { do: 'start' });
}

async function stop(members: readonly Child[], tally: Tally): Promise<void> {
  const results = await askAll<StopResult>(members, { do: 'stop' });
  for (const { bodies } of results) tally.bodies += bodies;
}

function askAll<T>(members: readonly Child[], request: MemberRequest): Promise<readonly T[]> {
  return Promise.all(members.map((member) => member.ask<T>(request)));
}

interface Verdict {
  readonly runs: number;
  readonly unfinished: number;
  /** Runs in whose history more than one worker has written, or whose history has not one row a step. */
  readonly shared: number;
  /** Step bodies beyond one for each step. */
  readonly repeated: number;
}

async function judgeHistory(url: string, bodies: number): Promise<Verdict> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const number = async (text: string): Promise<number> =>
    Number((await client.query<{ n: string }>(text)).rows[0]?.n);
  const runs = await number('select count(*) as n from durable_runs');
  const verdict = {
    runs,
    unfinished: await number("select count(*) as n from durable_runs where status <> 'completed'"),
    shared: await number(
      'select count(*) as n from (select run_id from durable_history group by run_id ' +
        `having count(distinct worker) > 1 or count(*) <> ${STEPS}) s`,
    ),
    repeated: bodies - runs * STEPS,
  };
  await client.end();
  return verdict;
}

function rateFigures(title: string, rates: Rates, plan: Plan): readonly Figure[] {
  const method =
    `${IN_FLIGHT} runs of ${STEPS} steps in flight in all; ${plan.rounds} rounds of ${plan.measuredMs} ms ` +
    `after ${plan.warmUpMs} ms of warm-up, the sizes in turn, median`;
  const alone = rates.get(1) ?? [];
  return SIZES.flatMap((size) => {
    const own = rates.get(size) ?? [];
    const share = median(own.map((rate, round) => rate / (alone[round] ?? Number.NaN)));
    const name = `${title}, fleet of ${size}`;
    const figure = { name, value: median(own), unit: 'runs/s', method };
    if (size === 1) return [figure];
    const ratio = { name: `${name} / one process`, value: share, unit: '', method };
    return [figure, judged(ratio, { atLeast: 0.8 })];
  });
}

function verdictFigures(title: string, verdict: Verdict, plan: Plan): readonly Figure[] {
  const { runs, unfinished, shared, repeated } = verdict;
  if (unfinished > 0) throw new Error(`${unfinished} of ${runs} runs have not completed`);
  const method =
    `${runs} runs, of which ${plan.openRuns} were open to four processes: history rows by more than one worker, ` +
    'and step bodies beyond one a step';
  const value = shared + Math.abs(repeated);
  return [
    judged(
      { name: `${title}, fleet: runs executed by two`, value, unit: '', method },
      { atMost: 0 },
    ),
  ];
}
