import { randomUUID } from 'node:crypto';
import {
  createCodec,
  createSystemRuntime,
  DurableEngine,
  InMemoryStateStore,
  type RunResult,
  remoteStep,
  type StateStore,
  type StepContext,
  type StepDefinition,
  type TransportHost,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { Redis, type RedisOptions } from 'ioredis';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { BullMqTransport, type BullMqTransportOptions } from '../src/index.js';

/** A line of the log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

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
export function openClient(connection: RedisOptions): Redis {
  const client = new Redis({ ...connection, maxRetriesPerRequest: null, replyMapping: 'legacy' });
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

/** A runtime that keeps what is logged. */
export function loggingRuntime(log: LogLine[]) {
  const at = (level: LogLine['level']) => (message: string) => void log.push({ level, message });
  return createSystemRuntime({
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  });
}

/** What a test gives to a transport that no engine has. */
export function makeHost(parts: Partial<TransportHost> = {}): TransportHost {
  const runtime = loggingRuntime([]);
  return { codec: createCodec(), runtime, livenessMs: LEASE_MS / 4, ...parts };
}

/** The contract of the landing page. */
export const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 2,
  retry: { initialDelay: 1, jitter: 'none' },
});

type Charge = (
  input: { orderId: string; amountCents: number },
  step: StepContext,
) => Promise<unknown>;

/** A handler of the contract in the engine's own process. */
export function chargeHandler(invoke: Charge): StepDefinition {
  return {
    name: chargeCard.name,
    contract: chargeCard as never,
    invoke: invoke as never,
    source: 'Payments.charge',
  };
}

/** What a test engine is made of. */
export interface TestEngineOptions extends Partial<BullMqTransportOptions> {
  readonly connection: RedisOptions;
  readonly store?: StateStore;
  readonly steps?: readonly StepDefinition[];
  readonly namespace?: string;
  readonly leaseMs?: number;
  readonly maxRemoteCrashes?: number;
  readonly log?: LogLine[];
}

/** An engine with the workflow `pay`, which charges a card; stopped after the test. */
export class TestEngine {
  readonly engine: DurableEngine;
  readonly transport: BullMqTransport;
  readonly log: LogLine[];

  private constructor(options: TestEngineOptions) {
    const { store, steps = [], namespace, leaseMs = LEASE_MS, log = [], ...others } = options;
    const { maxRemoteCrashes = 10, ...rest } = others;
    this.log = log;
    this.transport = new BullMqTransport(rest);
    this.engine = new DurableEngine({
      store: store ?? new InMemoryStateStore(),
      transport: this.transport,
      worker: { lease: leaseMs, maxPoll: 50, maxRemoteCrashes },
      runtime: loggingRuntime(log),
      ...(namespace === undefined ? {} : { namespace }),
    });
    const run = (ctx: WorkflowCtx, orderId: unknown) =>
      ctx.remote(chargeCard, { orderId: String(orderId), amountCents: 1250 });
    this.engine.registerWorkflow({ name: 'pay', version: '1', run, source: 'Pay' });
    for (const step of steps) this.engine.registerStep(step);
  }

  static async start(options: TestEngineOptions): Promise<TestEngine> {
    const test = new TestEngine(options);
    onTestFinished(() => test.engine.stop());
    await test.engine.start();
    return test;
  }

  async pay(orderId = 'o-1'): Promise<string> {
    const { runId } = await this.engine.startRun('pay', orderId);
    return runId;
  }

  end(runId: string): Promise<RunResult> {
    return this.engine.waitForRun(runId, { timeout: '25s' });
  }

  /** How many outcomes the remote step has in the history. */
  async outcomes(runId: string): Promise<number> {
    const history = await this.engine.history(runId);
    return history.filter(
      ({ kind, type }) => kind === 'remote' && (type === 'completed' || type === 'failed'),
    ).length;
  }
}
