/** Starts the three processes, places two orders, and shows where each step ran. Needs REDIS_URL and PYTHON. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult } from '@dudousxd/nestjs-durable-core';
import type { Order } from './api/checkout.workflow.js';
import { type Check, printAction, printChecks, printTimeline, printTitle } from './demo/print.js';
import { type Program, startApi, startFulfilment, startPayments } from './demo/processes.js';
import { type Row, rowsOf } from './demo/rows.js';
import { freePort, Shop } from './demo/shop.js';
import { announcedWorkers } from './demo/workers.js';
import { redis } from './redis.js';

const DEADLINE_MS = 120_000;

const SHIPPED: Order = { id: '1001', total: 250, items: ['lamp', 'bulb'], address: 'Elm St 1' };
const REFUNDED: Order = { id: '1002', total: 99.5, items: ['unicorn'], address: 'Oak St 2' };
const ORDERS = [SHIPPED, REFUNDED];

/** What has become of an order. */
interface Story {
  readonly order: Order;
  readonly result: RunResult;
  readonly rows: readonly Row[];
}

async function sell(shop: Shop, programs: readonly Program[]): Promise<readonly Story[]> {
  const placedAt = new Map<string, number>();
  for (const order of ORDERS) {
    placedAt.set(order.id, Date.now());
    await shop.placeOrder(order);
    printAction('POST /orders', `${order.id}: ${order.items.join(', ')} for ${order.total}`);
  }
  const results = await Promise.all(ORDERS.map(({ id }) => shop.result(id)));
  const places = { programs, workers: await announcedWorkers(redis) };
  return Promise.all(
    ORDERS.map(async (order, index) => {
      const entries = await shop.timeline(order.id);
      const rows = rowsOf(entries, placedAt.get(order.id) ?? 0, places);
      const result = results[index];
      if (result === undefined) throw new Error(`order ${order.id} has no result`);
      return { order, result, rows };
    }),
  );
}

function checksOf(stories: readonly Story[]): readonly Check[] {
  const rows = stories.flatMap((story) => story.rows);
  const recorded = (id: string) =>
    stories
      .find(({ order }) => order.id === id)
      ?.rows.filter(({ outcome }) => outcome === 'recorded')
      .map(({ step }) => step)
      .join();
  return [
    {
      claim: 'the steps of one workflow ran in three processes, two languages',
      holds: new Set(rows.map(({ worker }) => worker)).size === 3,
    },
    {
      claim: `order ${SHIPPED.id}: charged in Node at the second attempt, shipped in Python`,
      holds:
        recorded(SHIPPED.id) === 'payments.charge-card,sendReceipt,fulfilment.pack,fulfilment.ship',
    },
    {
      claim: `order ${REFUNDED.id}: out of stock in Python, refunded in Node`,
      holds: recorded(REFUNDED.id) === 'payments.charge-card,sendReceipt,payments.refund',
    },
    {
      claim: 'both runs have ended as the workflow says',
      holds: stories.map(({ result }) => statusOf(result)).join() === 'shipped,refunded',
    },
  ];
}

function statusOf(result: RunResult): string {
  if (result.status !== 'completed') return result.status;
  return (result.output as { readonly status: string }).status;
}

async function demo(database: string): Promise<boolean> {
  printTitle(
    'One workflow, three processes, two languages',
    'Each order: charge (Node) → receipt (here) → pack, ship (Python); a refund if that fails',
  );
  const port = await freePort();
  const api = startApi(port, database);
  const programs = [api, startPayments(), startFulfilment()];
  for (const { name, pid } of programs) printAction(name, `process ${pid}`);
  const shop = new Shop(port);
  await shop.listens(api);
  const stories = await sell(shop, programs);
  for (const program of programs) {
    program.mustRun();
    await program.end();
    printAction(program.name, 'ended in order');
  }
  for (const { order, result, rows } of stories) {
    printTimeline(`Order ${order.id}: ${statusOf(result)}`, rows);
  }
  const checks = checksOf(stories);
  printChecks(checks);
  return checks.every(({ holds }) => holds);
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-checkout-remote-'));
  try {
    return await demo(join(folder, 'checkout.sqlite'));
  } finally {
    redis.disconnect();
    await rm(folder, { recursive: true, force: true });
  }
}

setTimeout(() => {
  console.error(`The demo has not ended within ${DEADLINE_MS / 1_000} s.`);
  process.exit(1);
}, DEADLINE_MS).unref();

main().then(
  (isAsClaimed) => process.exit(isAsClaimed ? 0 : 1),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
