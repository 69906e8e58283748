import { remoteStep } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';

/** Shared by the workflow that calls it and the provider that serves it, wherever that runs. */
export const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 3,
});
