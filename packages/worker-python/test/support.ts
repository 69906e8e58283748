import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  createSystemRuntime,
  DurableEngine,
  InMemoryStateStore,
  type RunResult,
  remoteStep,
  type StateStore,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { z } from 'zod';

/** Short, so that what the engine gives up is dispatched again soon. */
const LEASE_MS = 2_000;

const packageDir = join(import.meta.dirname, '..');

/** Keys that no other test uses. */
export function freshPrefix(): string {
  return `test-${randomUUID()}`;
}

/** Of a URL as the test servers have it. */
function optionsOf(url: string): RedisOptions {
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

/** tests/e2e_worker.py in a process of its own, ended after the test. */
export class PythonWorker {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;
  errors = '';

  private constructor(url: string, prefix: string) {
    const options = JSON.stringify({ url, prefix, lease: LEASE_MS / 1_000 });
    const child = spawn(inject('python') ?? '', ['tests/e2e_worker.py', options], {
      cwd: packageDir,
      stdio: 'pipe',
      env: {
        ...process.env,
        PYTHONPATH: join(packageDir, 'src'),
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONASYNCIODEBUG: '0',
      },
    });
    this.#process = child;
    this.#exit = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    child.stderr.on('data', (chunk) => {
      this.errors += String(chunk);
    });
    onTestFinished(async () => {
      await this.kill();
    });
  }

  static async start(url: string, prefix: string): Promise<PythonWorker> {
    const worker = new PythonWorker(url, prefix);
    await worker.says('ready');
    return worker;
  }

  /** Waits until the process has printed the line. */
  async says(line: string): Promise<void> {
    await until(() => {
      if (this.#process.exitCode !== null) throw new Error(`the worker has ended: ${this.errors}`);
      return this.lines.includes(line);
    });
  }

  /** Lets handlers that hold go on. */
  release(): void {
    this.#process.stdin?.write('go\n');
  }

  /** Resolves when it has ended, to its exit code; null where the signal has ended it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#process.kill(signal);
    await this.#exit;
    return this.#process.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
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

/** An engine with the workflows `pay`, which charges a card, and `call`, which calls any step; stopped after the test. */
export class TestEngine {
  readonly engine: DurableEngine;
  readonly transport: BullMqTransport;

  private constructor(url: string, prefix: string, store: StateStore, leaseMs: number) {
    this.transport = new BullMqTransport({ connection: optionsOf(url), prefix });
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    this.engine = new DurableEngine({
      store,
      transport: this.transport,
      worker: { lease: leaseMs, maxPoll: 50 },
      runtime: createSystemRuntime(quiet),
    });
    this.engine.registerWorkflow({ name: 'pay', version: '1', run: pay, source: 'Pay' });
    this.engine.registerWorkflow({ name: 'call', version: '1', run: call, source: 'Call' });
  }

  static async start(
    url: string,
    prefix: string,
    { store = new InMemoryStateStore() as StateStore, leaseMs = LEASE_MS } = {},
  ): Promise<TestEngine> {
    const test = new TestEngine(url, prefix, store, leaseMs);
    onTestFinished(() => test.engine.stop());
    await test.engine.start();
    return test;
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

function call(ctx: WorkflowCtx, asked: unknown) {
  const { step, input } = asked as { step: string; input: unknown };
  const contract = contracts.get(step);
  if (contract === undefined) throw new Error(`there is no contract ${step}`);
  return ctx.remote(contract, input);
}
