/** The workflows that get killed. Every body tells the ledger; its result says by which call it was made. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  remoteStep,
  type StepContext,
  type StepDefinition,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';

/** What a step returns. */
interface StepResult {
  readonly step: string;
  readonly attempt: number;
  readonly token: string;
}

export interface OrderInput {
  readonly orderId: string;
  readonly sleepMs: number;
}

export interface Output {
  readonly results: readonly StepResult[];
  readonly approval: unknown;
  /** Derived from the run's seed and from recorded time: the same on every replay. */
  readonly drawn: readonly unknown[];
}

/** Runs the body of a step: tells the ledger, and may stand still in the middle. */
export type RunBody = (name: string, step: StepContext) => Promise<StepResult>;

interface Scenario {
  readonly run: (ctx: WorkflowCtx, input: OrderInput) => Promise<Output>;
  readonly steps: readonly StepDefinition[];
}

export const SIGNAL = { token: 'approve:o-1', id: 'approval-1', payload: { approved: true } };

/** Six steps, a sleep after the second, a signal after the fourth. */
function order(body: RunBody): Scenario {
  return {
    steps: [],
    run: async (ctx, { orderId, sleepMs }) => {
      const step = (name: string) => ctx.step(name, (step) => body(name, step));
      const drawn: unknown[] = [ctx.random(), ctx.uuid()];
      const reserve = await step('reserve');
      const charge = await step('charge');
      await ctx.sleep(sleepMs);
      const pack = await step('pack');
      const label = await step('label');
      const approval = await ctx.waitForSignal(`approve:${orderId}`);
      drawn.push(ctx.now());
      const ship = await step('ship');
      const notify = await step('notify');
      drawn.push(ctx.random());
      return { results: [reserve, charge, pack, label, ship, notify], approval, drawn };
    },
  };
}

/** A Standard Schema that takes every value as it is. */
const anything = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const;

const capture = remoteStep({ name: 'capture', input: anything, output: anything });

/** Longer than a run stays awake for a remote result. */
const SLOW_MS = 2_000;

/** A remote step that takes so long that its run is suspended, and a local one after it. */
function slowPayment(body: RunBody): Scenario {
  const handler: StepDefinition = {
    name: capture.name,
    contract: capture,
    invoke: async (_input, step) => {
      const result = await body('capture', step);
      await delay(SLOW_MS);
      return result;
    },
    source: 'Payments.capture',
  };
  return {
    steps: [handler],
    run: async (ctx, { orderId }) => {
      const captured = (await ctx.remote(capture, { orderId })) as StepResult;
      const receipt = await ctx.step('receipt', (step) => body('receipt', step));
      return { results: [captured, receipt], approval: null, drawn: [] };
    },
  };
}

/** A step whose first attempt fails, a remote step, and a local one after it. */
function payment(body: RunBody): Scenario {
  const handler: StepDefinition = {
    name: capture.name,
    contract: capture,
    invoke: (_input, step) => body('capture', step),
    source: 'Payments.capture',
  };
  return {
    steps: [handler],
    run: async (ctx, { orderId }) => {
      const authorize = await ctx.step(
        'authorize',
        async (step) => {
          const result = await body('authorize', step);
          if (step.attempt === 1) throw new Error('the bank did not answer');
          return result;
        },
        { retry: { initialDelay: 1, jitter: 'none' } },
      );
      const captured = (await ctx.remote(capture, { orderId })) as StepResult;
      const receipt = await ctx.step('receipt', (step) => body('receipt', step));
      return { results: [authorize, captured, receipt], approval: null, drawn: [] };
    },
  };
}

/** By name of the workflow. */
export const scenarios = { order, payment, slowPayment } as const;
export type ScenarioName = keyof typeof scenarios;
