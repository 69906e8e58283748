/** A process under test: an application or a worker. What to do is in `CHAOS_PROCESS`. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { appModule } from './app.module.js';
import type { AppOptions, Hello, ProcessOptions, WorkerOptions } from './app-options.js';
import { shiftClock } from './clock.js';
import { Ledger } from './ledger.js';
import { workerModule } from './worker.module.js';

const STALL_MS = 500;
const TICK_MS = 100;

const options = JSON.parse(process.env.CHAOS_PROCESS ?? '') as ProcessOptions;
shiftClock(options.clockOffsetMs);
const ledger = new Ledger(options.ledger, options.app);
watchEventLoop();

const logger = new ConsoleLogger({ colors: false, logLevels: ['warn', 'error', 'fatal'] });
const port = options.role === 'app' ? await serve(options) : await work(options);
process.send?.({ port } satisfies Hello);
// The driver's end is the end of all.
process.on('disconnect', () => process.exit(1));

async function serve(own: AppOptions): Promise<number> {
  const app = await NestFactory.create(appModule(own, ledger), { logger });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer().address() as AddressInfo).port;
}

async function work(own: WorkerOptions): Promise<null> {
  const worker = await NestFactory.createApplicationContext(workerModule(own, ledger), { logger });
  worker.enableShutdownHooks();
  return null;
}

/** A process that was not given any time may have lost its lease without anybody's doing. */
function watchEventLoop(): void {
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    const ms = Math.round(now - last - TICK_MS);
    last = now;
    if (ms >= STALL_MS) ledger.append({ what: 'stalled', ms });
  }, TICK_MS).unref();
}
