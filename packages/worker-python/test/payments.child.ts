/** A worker in Node that serves the steps of checkout.ts; a line on the standard input lets handlers that hold go on. */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { DurableModule } from '@dudousxd/nestjs-durable';
import { BullMqTransport } from '@dudousxd/nestjs-durable-transport-bullmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Payments, release } from './checkout.js';

const { url, prefix, leaseMs, concurrency = 100 } = JSON.parse(process.argv[2] ?? '{}');

createInterface({ input: process.stdin }).on('line', release);

@Module({
  imports: [
    DurableModule.forRoot({
      transport: new BullMqTransport({
        connection: new Redis(url, { lazyConnect: true }),
        prefix,
        concurrency,
      }),
      worker: { lease: leaseMs },
      shutdownTimeout: '500ms',
    }),
  ],
  providers: [Payments],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
process.stdout.write('ready\n');
