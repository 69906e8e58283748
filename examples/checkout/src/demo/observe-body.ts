import type { StepContext } from '@dudousxd/nestjs-durable-core';
import type { Type } from '@nestjs/common';
import { appendLine } from './ledger.js';
import { tellDemo } from './messages.js';

type Body = (input: unknown, step: StepContext) => Promise<unknown>;

/** Lets a method note in the ledger when it begins and ends, and stand still where the demo asks for it. */
export function observeBody(service: Type<unknown>, method: string, step: string): void {
  const original = Reflect.get(service.prototype, method) as Body;
  async function observed(this: unknown, input: unknown, context: StepContext): Promise<unknown> {
    const orderId = orderIdOf(input);
    note('begin', step, orderId, context);
    if (process.env.DEMO_HOLD === `${step} ${orderId}`) await hold();
    const result = await Reflect.apply(original, this, [input, context]);
    note('end', step, orderId, context);
    return result;
  }
  Reflect.set(service.prototype, method, observed);
}

function note(
  what: 'begin' | 'end',
  step: string,
  orderId: string,
  { idempotencyKey }: StepContext,
): void {
  const line = { what, step, orderId, idempotencyKey, pid: process.pid, at: Date.now() };
  appendLine(process.env.DEMO_LEDGER ?? '', line);
}

function hold(): Promise<never> {
  tellDemo({ kind: 'held' });
  return new Promise(() => {});
}

function orderIdOf(input: unknown): string {
  return typeof input === 'string' ? input : (input as { readonly orderId: string }).orderId;
}
