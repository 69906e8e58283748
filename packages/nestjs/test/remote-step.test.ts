import {
  FatalError,
  InMemoryStateStore,
  remoteStep,
  type StepContext,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { EventEmitterTransport } from '@dudousxd/nestjs-durable-transport-event-emitter';
import { Injectable, type Type } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DurableModule, DurableStep, Workflow, WorkflowService } from '../src/index.js';
import { boot, makeGate, runToEnd } from './support.js';

const fast = { retry: { initialDelay: 1, jitter: 'none' } } as const;

const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({
    orderId: z.string(),
    amountCents: z.number().int(),
    currency: z.string().default('EUR'),
  }),
  output: z.object({ chargeId: z.string(), cents: z.string().transform(Number) }),
  retries: 3,
  ...fast,
});

@Workflow({ name: 'pay', version: '1' })
class PayWorkflow {
  async run(ctx: WorkflowCtx, amountCents: number) {
    return ctx.remote(chargeCard, { orderId: 'o-1', amountCents });
  }
}

/** Over the event emitter, as the landing page has it. */
async function bootApp(...providers: Type<unknown>[]) {
  return boot(
    await Test.createTestingModule({
      imports: [
        EventEmitterModule.forRoot(),
        DurableModule.forRootAsync({
          inject: [EventEmitter2],
          useFactory: (emitter: EventEmitter2) => ({
            store: new InMemoryStateStore(),
            transport: new EventEmitterTransport(emitter),
          }),
        }),
      ],
      providers: [PayWorkflow, ...providers],
    }).compile(),
  );
}

describe('ctx.remote over the event emitter', () => {
  it('parses the input where it arrives, and the output where the workflow runs', async () => {
    const calls: unknown[] = [];

    @Injectable()
    class Psp {
      readonly prefix = 'ch';
    }

    @Injectable()
    class Payments {
      constructor(private readonly psp: Psp) {}

      @DurableStep(chargeCard)
      async charge(
        input: { orderId: string; amountCents: number; currency: string },
        step: StepContext,
      ) {
        calls.push({ ...input, attempt: step.attempt, key: step.idempotencyKey });
        return { chargeId: `${this.psp.prefix}-${input.orderId}`, cents: `${input.amountCents}` };
      }
    }

    const app = await bootApp(Psp, Payments);
    const result = await runToEnd(app, 'pay', 1250);
    expect(result).toMatchObject({
      status: 'completed',
      output: { chargeId: 'ch-o-1', cents: 1250 },
    });
    expect(calls).toEqual([
      {
        orderId: 'o-1',
        amountCents: 1250,
        currency: 'EUR',
        attempt: 1,
        key: expect.stringContaining(result.runId),
      },
    ]);
  });

  it('retries as the contract says, with one key', async () => {
    const seen: { attempt: number; key: string }[] = [];
    class Payments {
      @DurableStep(chargeCard)
      async charge(_input: unknown, { attempt, idempotencyKey }: StepContext) {
        seen.push({ attempt, key: idempotencyKey });
        if (attempt < 4) throw new Error('the bank is closed');
        return { chargeId: 'ch', cents: '1' };
      }
    }
    const app = await bootApp(Payments);
    expect(await runToEnd(app, 'pay', 1)).toMatchObject({ status: 'completed' });
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
  });

  it('fails with the last error when the attempts are used up', async () => {
    let calls = 0;
    class Payments {
      @DurableStep(chargeCard)
      async charge(): Promise<never> {
        calls += 1;
        throw Object.assign(new RangeError('limit reached'), { limit: 5 });
      }
    }
    const app = await bootApp(Payments);
    const result = await runToEnd(app, 'pay', 1);
    expect(result).toMatchObject({
      status: 'failed',
      error: { name: 'RangeError', message: 'limit reached', limit: 5 },
    });
    expect(calls).toBe(4);
  });

  it('does not retry a FatalError', async () => {
    let calls = 0;
    class Payments {
      @DurableStep(chargeCard)
      async charge(): Promise<never> {
        calls += 1;
        throw new FatalError('stolen card');
      }
    }
    const app = await bootApp(Payments);
    const result = await runToEnd(app, 'pay', 1);
    expect(result).toMatchObject({ status: 'failed', error: expect.any(FatalError) });
    expect(calls).toBe(1);
  });

  it('does not send an input that does not fit, and says which field', async () => {
    let calls = 0;
    class Payments {
      @DurableStep(chargeCard)
      async charge() {
        calls += 1;
        return { chargeId: 'ch', cents: '1' };
      }
    }
    const app = await bootApp(Payments);
    const result = await runToEnd(app, 'pay', 12.5);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'INVALID_INPUT' } });
    expect(String('error' in result && result.error)).toContain('amountCents');
    expect(calls).toBe(0);
  });

  it('fails an attempt whose output does not fit, and tries again', async () => {
    let calls = 0;
    class Payments {
      @DurableStep(chargeCard)
      async charge() {
        calls += 1;
        return { chargeId: 'ch', cents: calls === 1 ? (7 as never) : '7' };
      }
    }
    const app = await bootApp(Payments);
    expect(await runToEnd(app, 'pay', 1)).toMatchObject({ output: { cents: 7 } });
    expect(calls).toBe(2);
  });

  it('ends an attempt at its timeout, and fires its signal', async () => {
    const slow = remoteStep({
      name: 'slow',
      input: z.undefined(),
      output: z.string(),
      timeout: 40,
      retries: 0,
    });
    const aborted = makeGate<unknown>();

    class Slow {
      @DurableStep(slow)
      async wait(_input: undefined, step: StepContext): Promise<string> {
        step.signal.addEventListener('abort', () => aborted.open(step.signal.reason));
        return new Promise(() => {});
      }
    }

    @Workflow({ name: 'slow', version: '1' })
    class SlowWorkflow {
      async run(ctx: WorkflowCtx) {
        return ctx.remote(slow, undefined);
      }
    }

    const app = await bootApp(Slow, SlowWorkflow);
    expect(await runToEnd(app, 'slow')).toMatchObject({
      status: 'failed',
      error: { code: 'STEP_TIMEOUT' },
    });
    expect(await aborted.opened).toMatchObject({ code: 'STEP_TIMEOUT' });
  });

  it('cancels the running handler with its run', async () => {
    const started = makeGate();
    const aborted = makeGate<unknown>();

    class Payments {
      @DurableStep(chargeCard)
      async charge(_input: unknown, step: StepContext): Promise<never> {
        started.open();
        return new Promise((_resolve, reject) => {
          step.signal.addEventListener('abort', () => {
            aborted.open(step.signal.reason);
            reject(step.signal.reason);
          });
        });
      }
    }

    const app = await bootApp(Payments);
    const workflows = app.get(WorkflowService);
    const { runId } = await workflows.start('pay', 1);
    await started.opened;
    await workflows.cancel(runId, 'changed my mind');
    expect(await aborted.opened).toMatchObject({ code: 'CANCELLED' });
    expect(await workflows.waitForRun(runId, { timeout: '10s' })).toMatchObject({
      status: 'cancelled',
    });
  });

  it('keeps two applications in one process apart', async () => {
    const served: string[] = [];
    const makePayments = (name: string) => {
      class Payments {
        @DurableStep(chargeCard)
        async charge() {
          served.push(name);
          return { chargeId: name, cents: '1' };
        }
      }
      return Payments;
    };
    const [one, two] = [await bootApp(makePayments('one')), await bootApp(makePayments('two'))];
    const ends = await Promise.all([runToEnd(one, 'pay', 1), runToEnd(two, 'pay', 1)]);
    expect(ends).toMatchObject([{ output: { chargeId: 'one' } }, { output: { chargeId: 'two' } }]);
    expect(served.sort()).toEqual(['one', 'two']);
  });
});

describe('without a transport', () => {
  it('remote steps run in this process', async () => {
    class Payments {
      @DurableStep(chargeCard)
      async charge() {
        return { chargeId: 'ch', cents: '3' };
      }
    }
    const app = await boot(
      await Test.createTestingModule({
        imports: [DurableModule.forRoot({ store: new InMemoryStateStore() })],
        providers: [PayWorkflow, Payments],
      }).compile(),
    );
    expect(await runToEnd(app, 'pay', 1)).toMatchObject({ output: { cents: 3 } });
  });
});

describe('a step by reference', () => {
  @Injectable()
  class Stock {
    readonly shelf = 'A';

    @DurableStep()
    async reserve(input: { sku: string }, step: StepContext) {
      return `${input.sku} from ${this.shelf}, attempt ${step.attempt}`;
    }
  }

  @Workflow({ name: 'reserve', version: '1' })
  class ReserveWorkflow {
    constructor(private readonly stock: Stock) {}

    async run(ctx: WorkflowCtx, sku: string) {
      return ctx.step(this.stock.reserve, { sku });
    }
  }

  it('runs on the provider, under the name of class and method', async () => {
    const app = await bootApp(Stock, ReserveWorkflow);
    const result = await runToEnd(app, 'reserve', 'sku-1');
    expect(result).toMatchObject({ output: 'sku-1 from A, attempt 1' });
    const history = await app.get(WorkflowService).history(result.runId);
    expect(history.find(({ kind }) => kind === 'step')).toMatchObject({ name: 'Stock.reserve' });
  });
});
