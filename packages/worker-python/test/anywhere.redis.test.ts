/** One workflow class, and its contract served wherever. */
import 'reflect-metadata';
import { join } from 'node:path';
import { DurableModule, WorkflowService } from '@dudousxd/nestjs-durable';
import { InMemoryStateStore } from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { bundleProcess, type ProcessBundle } from '../../../scripts/bundle-process.mjs';
import { CheckoutWorkflow, Payments } from './checkout.js';
import { freshPrefix, LEASE_MS, optionsOf } from './support.js';
import { NodeWorker, PythonWorker, type WorkerProcess } from './worker-process.js';

const url = inject('redisUrl') ?? 'redis://nowhere';

interface Place {
  /** Providers of the application, besides the workflow. */
  readonly providers?: readonly Type<unknown>[];
  readonly start?: (prefix: string) => Promise<WorkerProcess>;
}

describe.skipIf(inject('redisUrl') === undefined || inject('python') === undefined)(
  "the landing page's chargeCard, called by the same workflow class",
  () => {
    let worker: ProcessBundle;

    beforeAll(async () => {
      worker = await bundleProcess(
        join(import.meta.dirname, 'payments.child.ts'),
        join(import.meta.dirname, '..'),
      );
    });
    afterAll(() => worker.dispose());

    it.each<[string, Place]>([
      ['the same process', { providers: [Payments] }],
      ['another Node process', { start: (prefix) => NodeWorker.start(worker.file, url, prefix) }],
      ['Python', { start: (prefix) => PythonWorker.start(url, prefix) }],
    ])('is served by %s', async (_place, { providers = [], start }) => {
      const prefix = freshPrefix();
      const other = await start?.(prefix);
      const workflows = await startApplication(prefix, providers);
      const order = { id: 'o-1', total: 12.5 };
      const { runId } = await workflows.start(CheckoutWorkflow, order);

      // Equal wherever it was made.
      expect(await workflows.waitForRun(runId, { timeout: '25s' })).toMatchObject({
        status: 'completed',
        output: { status: 'paid', chargeId: 'ch-o-1' },
      });
      const outcomes = (await workflows.history(runId)).filter(({ type }) => type === 'completed');
      expect(outcomes.map(({ kind, name, result }) => [kind, name, result])).toEqual([
        ['step', 'reserveStock', { reserved: true }],
        ['remote', 'payments.charge-card', { chargeId: 'ch-o-1' }],
      ]);
      const [local, remote] = outcomes;
      expect(remote?.detail?.ranBy === local?.worker).toBe(other === undefined);
      expect(other?.begun ?? 1).toBe(1);
    });
  },
);

/** The application: the same in all places, but for the provider that moves. */
async function startApplication(
  prefix: string,
  providers: readonly Type<unknown>[],
): Promise<WorkflowService> {
  const durable = DurableModule.forRoot({
    store: new InMemoryStateStore(),
    transport: new BullMqTransport({ connection: optionsOf(url), prefix }),
    worker: { lease: LEASE_MS },
  });
  const module = {
    module: class AppModule {},
    imports: [durable],
    providers: [CheckoutWorkflow, ...providers],
  };
  const app = await NestFactory.createApplicationContext(module, { logger: ['error'] });
  onTestFinished(() => app.close());
  return app.get(WorkflowService);
}
