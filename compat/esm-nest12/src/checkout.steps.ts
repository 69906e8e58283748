import { remoteStep } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';

export const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
  retries: 3,
});
