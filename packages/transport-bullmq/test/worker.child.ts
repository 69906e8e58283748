/** A pure step worker in a process of its own. What its handler does is the caller's to say, over the standard input. */
import 'reflect-metadata';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DurableModule, DurableStep } from '@dudousxd/nestjs-durable';
import { remoteStep, type StepContext } from '@dudousxd/nestjs-durable-core';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { z } from 'zod';
import { BullMqTransport } from '../src/index.js';

const { connection, prefix, leaseMs } = JSON.parse(process.argv[2] ?? '{}');

const chargeCard = remoteStep({
  name: 'payments.charge-card',
  input: z.object({ orderId: z.string(), amountCents: z.number().int() }),
  output: z.object({ chargeId: z.string() }),
});

const commands = createInterface({ input: process.stdin });

class Payments {
  @DurableStep(chargeCard)
  async charge(input: { orderId: string; amountCents: number }, step: StepContext) {
    process.stdout.write(`began ${input.orderId} ${step.attempt}\n`);
    if (input.orderId.startsWith('hold')) await once(commands, 'line');
    if (input.orderId.startsWith('wrong')) return { chargeId: 7 as never };
    return { chargeId: `ch-${input.orderId}` };
  }
}

@Module({
  imports: [
    DurableModule.forRoot({
      transport: new BullMqTransport({ connection, prefix }),
      worker: { lease: leaseMs },
      shutdownTimeout: '500ms',
    }),
  ],
  providers: [Payments],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
app.enableShutdownHooks();
process.stdout.write('ready\n');
