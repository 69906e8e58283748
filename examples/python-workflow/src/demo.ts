/** Kills Python in the middle of a step, starts it again, and shows what has become of the runs. Needs REDIS_URL and PYTHON. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Order } from './app/orders.controller.js';
import { type Check, checksOf, statusOf } from './demo/checks.js';
import { printAction, printChecks, printKill, printTimeline, printTitle } from './demo/print.js';
import { type Program, startNest, startPython } from './demo/program.js';
import { rowsOf } from './demo/rows.js';
import { freePort, Shop, until } from './demo/shop.js';

const DEADLINE_MS = 120_000;
/** How long a dead process keeps its work. Short, so that nobody has to wait; the default is 30 s. */
const LEASE_SECONDS = '3';
/** Long enough for the first Python to be killed over it. */
const FOREVER_SECONDS = '3600';

const APPROVED: Order = {
  id: '1001',
  amountCents: 4_900,
  items: ['lamp', 'bulb'],
  address: 'Elm St 1',
};
const FORGOTTEN: Order = {
  id: '1002',
  amountCents: 9_900,
  items: ['sofa'],
  address: 'Oak St 2',
  approvalSeconds: 1,
};
const HELD_STEP = 'pack';
/** In the order in which they are shown. */
const RUNS = ['order-1001', 'delivery-1001', 'survey-1001', 'order-1002'];

function start(program: Program): Program {
  printAction(program.name, `process ${program.pid} starts`);
  return program;
}

async function placeOrder(shop: Shop, order: Order, programs: readonly Program[]): Promise<void> {
  await shop.placeOrder(order, programs);
  printAction('POST /orders', `${order.id}: ${order.items.join(', ')}`);
}

/** Up to the death of the first Python, which is returned. */
async function interrupt(shop: Shop, nest: Program): Promise<Program> {
  const env = { LEASE_SECONDS, PACKING_SECONDS: FOREVER_SECONDS };
  const python = start(startPython(env));
  await placeOrder(shop, APPROVED, [nest, python]);
  await shop.approve(APPROVED.id);
  printAction('POST …/approve', `${APPROVED.id}, before anybody waits for it`);
  await until([nest, python], () => python.hasLogged(`packing ${APPROVED.id}`));
  printAction('', `${APPROVED.id}: reserved, paid, approved, and being packed …`);
  await python.kill();
  printKill(python.pid);
  return python;
}

async function demo(database: string): Promise<readonly Check[]> {
  printTitle(
    'A workflow in Python is killed in the middle of a step',
    'Each order: reserve (Nest) → charge → wait for a signal (approve) → pack → delivery (TypeScript) → goodbye',
  );
  const since = Date.now();
  const port = await freePort();
  const nest = start(startNest({ PORT: String(port), DATABASE_FILE: database, LEASE_SECONDS }));
  const shop = new Shop(port);
  await shop.listens(nest);
  const killed = await interrupt(shop, nest);
  const next = start(startPython({ LEASE_SECONDS, PACKING_SECONDS: '0.2' }));
  await placeOrder(shop, FORGOTTEN, [nest, next]);
  // In this order: the last of an order's steps starts its survey.
  for (const runId of ['order-1001', 'order-1002', 'survey-1001']) await shop.result(runId);
  const facts = await Promise.all(
    RUNS.map(async (runId) => ({
      runId,
      result: await shop.result(runId),
      entries: await shop.timeline(runId),
    })),
  );
  for (const program of [next, nest]) {
    program.mustRun();
    await program.end();
    printAction(program.name, `process ${program.pid} ended in order`);
  }
  // All that the processes have logged is there now.
  const programs = [nest, killed, next];
  const stories = facts.map(({ runId, result, entries }) => {
    return { runId, result, rows: rowsOf(runId, entries, programs, since) };
  });
  for (const { runId, result, rows } of stories) {
    printTimeline(`${runId}: ${statusOf(result)}`, rows);
  }
  return checksOf(stories, { runId: 'order-1001', step: HELD_STEP, killed, next, nest });
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-python-workflow-'));
  try {
    const checks = await demo(join(folder, 'orders.sqlite'));
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
