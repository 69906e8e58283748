/** Signals and waits in pairs, from two processes that are killed now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreName } from './app/app-options.js';
import { Client } from './driver/client.js';
import { createRig, type Rig } from './driver/rig.js';
import { codec } from './oracle/evidence.js';
import { type Program, payloadOf } from './program/program.js';
import { Random } from './program/random.js';

export interface PairsOptions {
  readonly seed: number;
  readonly store: StoreName;
  readonly pairs: number;
  /** Requests of the driver at once. */
  readonly concurrency: number;
  readonly killEveryMs: number;
  readonly healMs: number;
}

export interface PairsReport {
  readonly violations: readonly string[];
  readonly kills: number;
  readonly tookMs: number;
}

export async function runPairs(options: PairsOptions): Promise<PairsReport> {
  const random = new Random(options.seed);
  const rig = await createRig({
    ...{ store: options.store, apps: 2, random: random.fork('rig') },
    ...{ cutRate: 0, wrongClocks: false },
  });
  let isSound = false;
  try {
    const startedAt = performance.now();
    const kills = await exchange(rig, options, random);
    const left = await rig.database.whenFinished(options.healMs);
    const violations = [
      ...left.slice(0, 20).map((run) => `I2: ${run}`),
      ...rig.deaths,
      ...(await judge(rig, options.pairs)),
    ];
    isSound = violations.length === 0;
    return { violations, kills, tookMs: Math.round(performance.now() - startedAt) };
  } finally {
    await rig.dispose(!isSound);
  }
}

/** Starts all waits and sends all signals, in any order. Answers how many processes were killed on the way. */
async function exchange(
  rig: Rig,
  { pairs, concurrency, killEveryMs }: PairsOptions,
  random: Random,
): Promise<number> {
  const apps = rig.victims.map(({ app }) => app);
  const client = new Client(apps, random.fork('client'));
  const work = shuffle(
    Array.from({ length: pairs }, (_, i) => [
      () => startWaiting(client, i),
      () => sendTo(client, i),
    ]).flat(),
    random.fork('order'),
  );
  const workers = Array.from({ length: concurrency }, async () => {
    for (let task = work.pop(); task !== undefined; task = work.pop()) await task();
  });
  const done = new AbortController();
  const killing = killNowAndThen(rig, random.fork('kills'), killEveryMs, done.signal);
  try {
    await Promise.all(workers);
  } finally {
    done.abort();
  }
  return killing;
}

async function startWaiting(client: Client, i: number): Promise<void> {
  const wait = { op: 'wait', key: '0', token: `pair ${i}`, count: 1 } as const;
  const program: Program = { operations: [wait], fails: false };
  const { status } = await client.post(`runs/wait${i}`, program);
  if (status !== 201) throw new Error(`the start of wait${i} was answered with ${status}`);
}

async function sendTo(client: Client, i: number): Promise<void> {
  const token = `pair ${i}`;
  const { status } = await client.post('signals', { token, ...payloadOf(token, 0) });
  if (status !== 200) throw new Error(`the signal to ${token} was answered with ${status}`);
}

async function killNowAndThen(
  { victims, faults }: Rig,
  random: Random,
  everyMs: number,
  done: AbortSignal,
): Promise<number> {
  let kills = 0;
  for (;;) {
    await Promise.race([
      delay(everyMs),
      new Promise((resolve) => done.addEventListener('abort', resolve, { once: true })),
    ]);
    if (done.aborted) return kills;
    const { app } = random.pick(victims);
    faults.note('kill', app.index, app.pid);
    await app.kill();
    kills += 1;
    await app.start();
  }
}

function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = random.between(0, i);
    const [a, b] = [items[i], items[j]];
    if (a === undefined || b === undefined) continue;
    items[i] = b;
    items[j] = a;
  }
  return items;
}

interface PairRow {
  readonly id: string;
  readonly status: string;
  readonly output: string | null;
  /** How often the run has received a payload. */
  readonly received: number;
  /** How many payloads of its token are consumed, and how many there are. */
  readonly consumed: number;
  readonly sent: number;
}

const PAIRS =
  'select r.id, r.status, r.output, ' +
  "(select count(*)::int from durable_history h where h.run_id = r.id and h.kind = 'signal' and h.type = 'completed') as received, " +
  "(select coalesce(sum(consumed), 0)::int from durable_signals s where s.namespace = 'default' and s.token = replace(r.id, 'wait', 'pair ')) as consumed, " +
  "(select count(*)::int from durable_signals s where s.namespace = 'default' and s.token = replace(r.id, 'wait', 'pair ')) as sent " +
  'from durable_runs r';

async function judge({ database }: Rig, pairs: number): Promise<readonly string[]> {
  const rows = await database.use(async (client) => (await client.query<PairRow>(PAIRS)).rows);
  const violations = rows.length === pairs ? [] : [`I3: ${rows.length} runs of ${pairs}`];
  for (const row of rows) {
    const { payload } = payloadOf(row.id.replace('wait', 'pair '), 0);
    const wanted = codec.encode([{ key: '0', got: [payload] }]);
    const isWell = row.received === 1 && row.consumed === 1 && row.sent === 1;
    if (isWell && row.status === 'completed' && row.output === wanted) continue;
    violations.push(`I6: ${JSON.stringify(row)}`);
  }
  for (const { invariant, runId, what } of await database.examine(60_000)) {
    violations.push(`${invariant}: run ${runId}: ${what}`);
  }
  return violations;
}
