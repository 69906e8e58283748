import 'reflect-metadata';
import assert from 'node:assert/strict';
import { WorkflowService } from '@dudousxd/nestjs-durable';
import { NestFactory } from '@nestjs/core';
import { CheckoutWorkflow } from './checkout.workflow.js';
import { MainModule } from './main.module.js';

const DEADLINE_MS = 30_000;
const EXIT_DEADLINE_MS = 3_000;

/** Runs the application and does what the landing page says; fails where it behaves otherwise. */
async function verify(): Promise<void> {
  const app = await NestFactory.create(MainModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/orders`;
  const workflows = app.get(WorkflowService);

  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ id: 'o-1', total: 100 });
  const started = await fetch(url, { method: 'POST', headers, body });
  assert.equal(started.status, 201);
  const runId = await started.text();
  await until(async () => (await workflows.get(runId)).status === 'suspended');

  const ended = workflows.waitForRun(runId);
  const approved = await fetch(`${url}/o-1/approve`, { method: 'POST' });
  assert.equal(approved.status, 201);
  assert.deepEqual(await ended, { runId, status: 'completed', output: { status: 'shipped' } });
  const history = await workflows.history(runId);
  const steps = history.filter(({ kind, type }) => kind === 'step' && type === 'completed');
  assert.deepEqual(
    steps.map(({ name }) => name),
    ['reserveStock', 'ship'],
  );

  const byClass = await workflows.start(CheckoutWorkflow, { id: 'o-2', total: 1 });
  assert.equal(byClass.status, 'pending');
  await workflows.signal('approve:o-2', { approved: false });
  const rejected = await workflows.waitForRun(byClass.runId);
  assert.deepEqual(rejected.status === 'completed' && rejected.output, { status: 'rejected' });

  const charge = await workflows.start('charge', 'o-3');
  const charged = await workflows.waitForRun(charge.runId);
  const output = { chargeId: 'o-3/1250/attempt 2' };
  assert.deepEqual(charged, { runId: charge.runId, status: 'completed', output });

  const missing = await fetch(`${url}/runs/nobody`);
  assert.equal(missing.status, 404);
  assert.equal(((await missing.json()) as { code: string }).code, 'RUN_NOT_FOUND');
  await app.close();
}

/** Looks until the condition holds; the deadline below ends a wait for nothing. */
async function until(isMet: () => Promise<boolean>): Promise<void> {
  while (!(await isMet())) await new Promise((resolve) => setImmediate(resolve));
}

/** Fails a process that lives on. The timer itself does not keep it alive. */
function exitWithin(ms: number, after: string): void {
  const fail = () => {
    console.error(`the process is still alive ${ms} ms after ${after}`);
    process.exit(1);
  };
  setTimeout(fail, ms).unref();
}

exitWithin(DEADLINE_MS, 'its start');
verify().then(
  () => {
    console.log('behaves as the landing page says');
    exitWithin(EXIT_DEADLINE_MS, 'app.close()');
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
