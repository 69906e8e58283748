/** What the processes agree on: names, inputs and outputs of remote steps. Python has the same as pydantic models. */
import { remoteStep } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';

export const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 3,
});

export const refundCharge = remoteStep({
  name: 'payments.refund',
  input: z.object({ chargeId: z.string() }),
  output: z.object({ refundId: z.string() }),
  // Somebody's money: it is tried until it works.
  retries: 1_000,
});

export const packOrder = remoteStep({
  name: 'fulfilment.pack',
  input: z.object({ orderId: z.string(), items: z.array(z.string()) }),
  output: z.object({ parcelId: z.string() }),
  retries: 3,
});

export const shipParcel = remoteStep({
  name: 'fulfilment.ship',
  input: z.object({ parcelId: z.string(), address: z.string() }),
  output: z.object({ trackingCode: z.string() }),
  retries: 3,
});
