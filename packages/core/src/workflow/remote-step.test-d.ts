import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import type { RemoteStep, Signal, StepContext, WorkflowCtx } from './context.js';
import { type RemoteStepHandler, remoteStep } from './remote-step.js';
import { defineSignal } from './signal.js';

declare const ctx: WorkflowCtx;

const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 3,
});
type Charge = { orderId: string; amountCents: number };

expectTypeOf(chargeCard).toEqualTypeOf<RemoteStep<Charge, { chargeId: string }>>();
expectTypeOf(ctx.remote(chargeCard, { orderId: 'o', amountCents: 1 })).resolves.toEqualTypeOf<{
  chargeId: string;
}>();
expectTypeOf<RemoteStepHandler<typeof chargeCard>>().toEqualTypeOf<
  (input: Charge, step: StepContext) => { chargeId: string } | Promise<{ chargeId: string }>
>();

// @ts-expect-error amountCents is missing
void ctx.remote(chargeCard, { orderId: 'o' });
// @ts-expect-error the input decides nothing: the contract does
void ctx.remote(chargeCard, 'order');

/** Where a schema transforms, each side sees its own type. */
const report = remoteStep({
  name: 'reports.build',
  input: z.object({
    day: z.iso.date().transform((text) => new Date(text)),
    currency: z.string().default('EUR'),
  }),
  output: z.object({ bytes: z.string().transform(Number) }),
});
expectTypeOf(report).toEqualTypeOf<
  RemoteStep<
    { day: string; currency?: string | undefined },
    { bytes: number },
    { day: Date; currency: string },
    { bytes: string }
  >
>();
expectTypeOf(ctx.remote(report, { day: '2026-01-01' })).resolves.toEqualTypeOf<{ bytes: number }>();
expectTypeOf<RemoteStepHandler<typeof report>>().parameter(0).toEqualTypeOf<{
  day: Date;
  currency: string;
}>();
expectTypeOf<RemoteStepHandler<typeof report>>().returns.toEqualTypeOf<
  { bytes: string } | Promise<{ bytes: string }>
>();

// @ts-expect-error a contract needs an output schema
remoteStep({ name: 'no-output', input: z.string() });

const approval = defineSignal('approve', z.object({ approved: z.boolean() }));
expectTypeOf(approval).toEqualTypeOf<Signal<{ approved: boolean }>>();
expectTypeOf(ctx.waitForSignal(approval)).resolves.toEqualTypeOf<{ approved: boolean }>();
expectTypeOf(ctx.waitForSignal(approval, { timeout: '7 days' })).resolves.toEqualTypeOf<{
  approved: boolean;
}>();

const dated = defineSignal(
  'dated',
  z.object({ at: z.iso.datetime().transform((t) => new Date(t)) }),
);
expectTypeOf(dated).toEqualTypeOf<Signal<{ at: Date }, { at: string }>>();
expectTypeOf(ctx.waitForSignal(dated)).resolves.toEqualTypeOf<{ at: Date }>();

expectTypeOf(defineSignal<{ reason: string }>('stop')).toEqualTypeOf<Signal<{ reason: string }>>();
expectTypeOf(defineSignal('anything')).toEqualTypeOf<Signal<unknown>>();
expectTypeOf(ctx.waitForSignal<{ approved: boolean }>('approve:1')).resolves.toEqualTypeOf<{
  approved: boolean;
}>();
expectTypeOf(ctx.waitForSignal('approve:1')).resolves.toEqualTypeOf<unknown>();
