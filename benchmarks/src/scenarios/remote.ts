import { randomUUID } from 'node:crypto';
import { DurableEngine, remoteStep } from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { Child } from '../child.js';
import { onFreshDatabase } from '../databases/index.js';
import { postgres } from '../databases/postgres.js';
import { serverUrl } from '../databases/servers.js';
import { closedLoop, median, percentile, runOnce, timed } from '../measure.js';
import { isWanted, type Options } from '../options.js';
import { openStore, orms } from '../orms/index.js';
import { BarePair } from '../redis/bare-pair.js';
import { connectionOf } from '../redis/connection.js';
import type { RemoteWorkerSettings } from '../remote-worker.js';
import { type Figure, judged } from '../report.js';

const STEPS = 3;
const WORKERS = 2;
const INPUT = 'o-42';

interface Plan {
  readonly rounds: number;
  readonly runs: number;
  /** Runs in flight, and trips of the bare pair. */
  readonly inFlight: number;
  readonly samples: number;
  /** Remote steps of one long run. */
  readonly longRun: number;
}
const FULL: Plan = { rounds: 5, runs: 2_000, inFlight: 100, samples: 300, longRun: 2_000 };
const QUICK: Plan = { rounds: 2, runs: 300, inFlight: 100, samples: 50, longRun: 400 };

/** Remote steps over BullMQ on PostgreSQL, against what a bare pair of queues does in the same processes. */
export async function remote(options: Options): Promise<readonly Figure[]> {
  const orm = orms.find(({ name }) => isWanted(name, options.orms));
  const redis = await serverUrl('redis');
  if (orm === undefined || redis === undefined) return [];
  if (!isWanted(postgres.name, options.databases)) return [];
  const plan = options.quick ? QUICK : FULL;
  return onFreshDatabase(postgres, async ({ address }) => {
    const bench = await Bench.open(redis, plan, await openStore(orm.name, postgres.name, address));
    try {
      return [...(await rates(bench)), ...(await latencies(bench)), ...(await growth(bench))];
    } finally {
      await bench.close();
    }
  });
}

type Opened = Awaited<ReturnType<typeof openStore>>;

/** An engine, the near end of a bare pair, and the worker processes of both. */
class Bench {
  readonly engine: DurableEngine;
  readonly pair: BarePair;
  readonly redis: Redis;
  readonly plan: Plan;
  /** Milliseconds of the remote steps of the run `timed`, as its code sees them. */
  tripMs: number[] = [];
  private readonly workers: readonly Child[];
  private readonly opened: Opened;

  private constructor(redis: string, plan: Plan, opened: Opened) {
    this.plan = plan;
    const connection = connectionOf(redis);
    const prefix = `bench-${randomUUID()}`;
    this.opened = opened;
    this.redis = new Redis(connection);
    this.pair = new BarePair(connection, prefix, plan.inFlight);
    const transport = new BullMqTransport({ connection, prefix });
    this.engine = new DurableEngine({ store: opened.store, transport });
    this.registerWorkflows();
    const settings: RemoteWorkerSettings = { redis, prefix, concurrency: plan.inFlight };
    this.workers = Array.from({ length: WORKERS }, () => new Child('remote-worker', settings));
  }

  static async open(redis: string, plan: Plan, opened: Opened): Promise<Bench> {
    const bench = new Bench(redis, plan, opened);
    await Promise.all(bench.workers.map((worker) => worker.ask({ do: 'start' })));
    await bench.pair.ready();
    await bench.engine.start();
    return bench;
  }

  async close(): Promise<void> {
    await this.engine.stop();
    await Promise.all(this.workers.map((worker) => worker.ask({ do: 'stop' })));
    for (const worker of this.workers) await worker.end();
    await this.pair.close();
    this.redis.disconnect();
    await this.opened.close();
  }

  private registerWorkflows(): void {
    const echo = remoteStep({ name: 'bench.echo', input: z.string(), output: z.string() });
    this.engine.registerWorkflow({
      ...{ name: 'remote', version: '1', source: 'remote' },
      run: async (ctx, steps: number) => {
        for (let n = 0; n < steps; n += 1) await ctx.remote(echo, INPUT);
      },
    });
    this.engine.registerWorkflow({
      ...{ name: 'timed', version: '1', source: 'timed' },
      run: async (ctx, steps: number) => {
        this.tripMs = [];
        for (let n = 0; n < steps; n += 1)
          this.tripMs.push(await timed(() => ctx.remote(echo, INPUT)));
      },
    });
  }
}

async function rates({ engine, pair, plan }: Bench): Promise<readonly Figure[]> {
  const { runs, inFlight, rounds } = plan;
  const trips = runs * STEPS;
  const perSecond = (ms: number) => (trips * 1_000) / ms;
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const bareMs = await closedLoop(trips, inFlight, () => pair.trip(INPUT));
    const ourMs = await closedLoop(runs, inFlight, () => runOnce(engine, 'remote', STEPS));
    if (round < 0) continue;
    bare.push(perSecond(bareMs));
    ours.push(perSecond(ourMs));
  }
  const method =
    `${runs} runs of ${STEPS} remote steps, ${inFlight} in flight, ${WORKERS} worker processes, PostgreSQL; in turn with ` +
    `as many trips of a bare pair of BullMQ queues through the same processes; ${rounds} rounds after one of warm-up, median`;
  const ratio = median(ours.map((rate, round) => rate / (bare[round] ?? Number.NaN)));
  return [
    { name: 'remote steps', value: median(ours), unit: 'trips/s', method },
    { name: 'bare pair of queues', value: median(bare), unit: 'trips/s', method },
    judged({ name: 'remote steps / bare pair', value: ratio, unit: '', method }, { atLeast: 0.6 }),
  ];
}

async function latencies(bench: Bench): Promise<readonly Figure[]> {
  const { engine, pair, plan } = bench;
  const { samples } = plan;
  const ours: number[] = [];
  const bare: number[] = [];
  for (let sample = -20; sample < samples; sample += 1) {
    const bareMs = await timed(() => pair.trip(INPUT));
    await runOnce(engine, 'timed', 1);
    if (sample < 0) continue;
    bare.push(bareMs);
    ours.push(...bench.tripMs);
  }
  const method = `${samples} samples after 20 of warm-up, in turn: a run of one remote step, timed in its code, and one trip`;
  const ms = (name: string, value: number): Figure => ({ name, value, unit: 'ms', method });
  const [own, pairs] = [percentile(ours, 0.5), percentile(bare, 0.5)];
  return [
    ms('lone remote step, p50', own),
    ms('lone trip of the bare pair, p50', pairs),
    judged(
      { name: 'lone remote step / bare pair', value: own / pairs, unit: '', method },
      { atMost: 2 },
    ),
  ];
}

/** Whether a step costs more when the run has a long history: in time, and in bytes to and from Redis. */
async function growth(bench: Bench): Promise<readonly Figure[]> {
  const { engine, plan } = bench;
  const { longRun } = plan;
  await runOnce(engine, 'timed', longRun);
  const part = Math.floor(longRun / 10);
  const early = median(bench.tripMs.slice(part, 2 * part));
  const late = median(bench.tripMs.slice(-part));
  const short = await bytesOf(bench, part);
  const long = await bytesOf(bench, longRun);
  const method = `a run of ${longRun} remote steps: its last tenth against its second tenth`;
  const bytes = `bytes through Redis for each step: a run of ${longRun} against one of ${part}`;
  return [
    judged(
      { name: 'step of a long history, time', value: late / early, unit: '', method },
      { atMost: 1.5 },
    ),
    judged(
      { name: 'step of a long history, bytes', value: long / short, unit: '', method: bytes },
      { atMost: 1.2 },
    ),
  ];
}

async function bytesOf({ engine, redis }: Bench, steps: number): Promise<number> {
  const before = await traffic(redis);
  await runOnce(engine, 'remote', steps);
  return ((await traffic(redis)) - before) / steps;
}

async function traffic(redis: Redis): Promise<number> {
  const stats = await redis.info('stats');
  const read = (field: string) => Number(new RegExp(`${field}:(\\d+)`).exec(stats)?.[1]);
  return read('total_net_input_bytes') + read('total_net_output_bytes');
}
