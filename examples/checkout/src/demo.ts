/** Kills a shop in the middle of charging a card, starts it again, and shows what has become of its orders. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult } from '@dudousxd/nestjs-durable-core';
import { type Check, checksOf } from './demo/checks.js';
import { readLines } from './demo/ledger.js';
import type { AppEnvironment } from './demo/messages.js';
import { printAction, printChecks, printKill, printTimeline, printTitle } from './demo/print.js';
import { Shop } from './demo/shop.js';
import { type OrderFacts, processesOf, timelineOf } from './demo/timeline.js';

const DEADLINE_MS = 60_000;
/** How long a dead process keeps its work. Short, so that nobody has to wait; the default is 30 s. */
const LEASE = '1s';
const WAITING = '1001';
const CHARGING = '1002';
const ORDERS = [WAITING, CHARGING];
const HELD_STEP = 'payments.charge-card';

interface Files {
  readonly database: string;
  readonly ledger: string;
}

/** The process that dies. Returns its pid. */
async function interrupt(environment: AppEnvironment): Promise<number> {
  const shop = new Shop(environment);
  await shop.started();
  const lease = `its lease is ${LEASE} (default 30 s)`;
  printAction(`process ${shop.pid}`, `starts, on an empty SQLite file; ${lease}`);
  await shop.placeOrder(WAITING, 25);
  await shop.waitsForApproval(WAITING);
  printAction('POST /orders', `${WAITING}: stock reserved, card charged, waits for its approval`);
  await shop.placeOrder(CHARGING, 99.5);
  await shop.held();
  printAction('POST /orders', `${CHARGING}: stock reserved, the card is being charged …`);
  await shop.kill('SIGKILL');
  printKill(shop.pid, 'no warning, no time to tidy up');
  return shop.pid;
}

/** The process that goes on. */
async function goOn(environment: AppEnvironment): Promise<Shop> {
  const shop = new Shop(environment);
  await shop.started();
  printAction(`process ${shop.pid}`, 'starts, on the same file');
  await shop.waitsForApproval(CHARGING);
  printAction('', `${CHARGING}: has gone on, and waits for its approval`);
  for (const id of ORDERS) {
    await shop.approve(id);
    printAction('POST …/approve', id);
  }
  return shop;
}

async function demo({ database, ledger }: Files): Promise<readonly Check[]> {
  const environment = { DATABASE_FILE: database, LEASE, DEMO_LEDGER: ledger };
  printTitle(
    'An app is killed in the middle of charging a card',
    'Each order: reserveStock → payments.charge-card → wait for a signal (approve) → ship',
  );
  const killedPid = await interrupt({ ...environment, DEMO_HOLD: `${HELD_STEP} ${CHARGING}` });
  const shop = await goOn({ ...environment, DEMO_HOLD: '' });
  const results = await Promise.all(ORDERS.map((id) => shop.result(id)));
  const orders = await Promise.all(ORDERS.map((id) => factsOf(shop, id, ledger)));
  await shop.kill('SIGTERM');

  const pids = processesOf(orders);
  const since = Math.min(...readLines(ledger).map(({ at }) => at));
  for (const order of orders) {
    printTimeline(`Order ${order.orderId}`, timelineOf(order, pids), since);
  }
  const interruption = { orderId: CHARGING, step: HELD_STEP, killedPid, nextPid: shop.pid };
  return [
    ...checksOf(orders, interruption),
    { claim: 'both orders are shipped', holds: results.every(isShipped) },
  ];
}

function isShipped(result: RunResult): boolean {
  if (result.status !== 'completed') return false;
  return (result.output as { readonly status: string }).status === 'shipped';
}

async function factsOf(shop: Shop, orderId: string, ledger: string): Promise<OrderFacts> {
  const lines = readLines(ledger).filter((line) => line.orderId === orderId);
  return { orderId, history: await shop.history(orderId), lines };
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-checkout-'));
  try {
    const files = {
      database: join(folder, 'checkout.sqlite'),
      ledger: join(folder, 'ledger.jsonl'),
    };
    const checks = await demo(files);
    printChecks(checks);
    return checks.every(({ holds }) => holds);
  } finally {
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
