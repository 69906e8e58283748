/** What the workflow in Python may ask of Nest: names, inputs and outputs of remote steps. */
import { remoteStep } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';

export const reserveStock = remoteStep({
  name: 'stock.reserve',
  input: z.object({ orderId: z.string(), items: z.array(z.string()) }),
  output: z.object({ reservationId: z.string() }),
});

export const releaseStock = remoteStep({
  name: 'stock.release',
  input: z.object({ orderId: z.string() }),
  output: z.void(),
});

export const sendMail = remoteStep({
  name: 'mail.send',
  input: z.object({ orderId: z.string(), subject: z.string() }),
  output: z.object({ mailId: z.string() }),
});
