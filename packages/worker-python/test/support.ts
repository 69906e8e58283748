import { randomUUID } from 'node:crypto';
import {
  ChildFailedError,
  createSystemRuntime,
  DurableEngine,
  FatalError,
  InMemoryStateStore,
  type RunResult,
  remoteStep,
  type StateStore,
  UnknownWorkflowError,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { onTestFinished } from 'vitest';
import { z } from 'zod';

/** Short, so that what the engine gives up is dispatched again soon. */
export const LEASE_MS = 2_000;

/** Keys that no other test uses. */
export function freshPrefix(): string {
  return `test-${randomUUID()}`;
}

/** Of a URL as the test servers have it. */
export function optionsOf(url: string): RedisOptions {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** A client of the test's own, closed after it. */
export function openClient(url: string): Redis {
  const client = new Redis({ ...optionsOf(url), replyMapping: 'legacy' });
  client.on('error', () => {}); // Tests stop the server.
  onTestFinished(() => client.disconnect());
  return client;
}

/** Polls until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 25_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const soon = { initialDelay: 1, jitter: 'none' } as const;

/** The contract of the landing page. */
const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 2,
  retry: soon,
});

const anything = (name: string, more: object = {}) =>
  remoteStep({ name, input: z.unknown(), output: z.unknown(), retries: 2, retry: soon, ...more });

/** What the test worker serves besides. */
const contracts = new Map(
  [
    anything('values.echo'),
    anything('values.strict'),
    anything('any name: 100 % é'),
    anything('values.unserved'),
    anything('rate.limited'),
    anything('errors.raise'),
    anything('flow.wait'),
    anything('flow.progress'),
    anything('flow.slow', { timeout: '100ms', retries: 1 }),
  ].map((contract) => [contract.name, contract]),
);

interface EngineParts {
  readonly store?: StateStore;
  readonly leaseMs?: number;
  readonly maxRemoteCrashes?: number;
}

/** An engine with the workflows `pay`, which charges a card, and `call`, which calls any step; stopped after the test. */
export class TestEngine {
  readonly engine: DurableEngine;
  readonly transport: BullMqTransport;
  readonly #store: StateStore;

  private constructor(connection: RedisOptions, prefix: string, store: StateStore, worker: object) {
    this.#store = store;
    this.transport = new BullMqTransport({ connection, prefix });
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    this.engine = new DurableEngine({
      store,
      transport: this.transport,
      worker: { maxPoll: 50, ...worker },
      runtime: createSystemRuntime(quiet),
    });
    this.engine.registerWorkflow({ name: 'pay', version: '1', run: pay, source: 'Pay' });
    this.engine.registerWorkflow({ name: 'call', version: '1', run: call, source: 'Call' });
    this.engine.registerWorkflow({ name: 'ts-child', version: '1', run: child, source: 'Child' });
    this.engine.registerWorkflow({ name: 'ts-parent', version: '1', run: parent, source: 'Dad' });
  }

  static async start(
    server: string | RedisOptions,
    prefix: string,
    {
      store = new InMemoryStateStore() as StateStore,
      leaseMs = LEASE_MS,
      ...worker
    }: EngineParts = {},
  ): Promise<TestEngine> {
    const test = new TestEngine(
      typeof server === 'string' ? optionsOf(server) : server,
      prefix,
      store,
      { lease: leaseMs, ...worker },
    );
    onTestFinished(() => test.engine.stop());
    await test.engine.start();
    return test;
  }

  /** Starts a run once an engine has heard of its workflow. */
  async start(workflow: string, input: unknown, runId: string): Promise<string> {
    await until(() =>
      this.engine.startRun(workflow, input, { runId }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof UnknownWorkflowError) return false;
          throw error;
        },
      ),
    );
    return runId;
  }

  /** What random values of the run derive from. */
  async seed(runId: string): Promise<string> {
    return (await this.#store.getRun(runId))?.seed ?? '';
  }

  async status(runId: string): Promise<string> {
    return (await this.engine.getRun(runId)).status;
  }

  async pay(orderId: string): Promise<string> {
    const { runId } = await this.engine.startRun('pay', orderId);
    return runId;
  }

  async call(step: string, input: unknown): Promise<string> {
    const { runId } = await this.engine.startRun('call', { step, input });
    return runId;
  }

  end(runId: string): Promise<RunResult> {
    return this.engine.waitForRun(runId, { timeout: '25s' });
  }

  /** How many outcomes remote steps have in the history. */
  async outcomes(runId: string): Promise<number> {
    const history = await this.engine.history(runId);
    return history.filter(
      ({ kind, type }) => kind === 'remote' && (type === 'completed' || type === 'failed'),
    ).length;
  }
}

function pay(ctx: WorkflowCtx, orderId: unknown) {
  return ctx.remote(chargeCard, { orderId: String(orderId), amountCents: 1250 });
}

/** A child in TypeScript of a parent in Python. */
function child(ctx: WorkflowCtx, given: unknown) {
  return ctx.step('child', () => {
    if (given === 'fail') throw new FatalError('the child fails');
    return `${given} of ${ctx.run.parentRunId !== undefined}`;
  });
}

/** The other way round. */
async function parent(ctx: WorkflowCtx) {
  const output = await ctx.child<string, string>('py-child', 'direct');
  const failed = await ctx.child<string, string>('py-child', 'fail').catch((error: unknown) => {
    if (error instanceof ChildFailedError) return error.cause;
    throw error;
  });
  return { output, fatal: failed instanceof FatalError, message: String(failed) };
}

function call(ctx: WorkflowCtx, asked: unknown) {
  const { step, input } = asked as { step: string; input: unknown };
  const contract = contracts.get(step);
  if (contract === undefined) throw new Error(`there is no contract ${step}`);
  return ctx.remote(contract, input);
}
