/** An application under test. What to do is in `CHAOS_APP`. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { appModule } from './app.module.js';
import type { AppOptions, Hello } from './app-options.js';
import { shiftClock } from './clock.js';
import { Ledger } from './ledger.js';

const STALL_MS = 500;
const TICK_MS = 100;

const options = JSON.parse(process.env.CHAOS_APP ?? '') as AppOptions;
shiftClock(options.clockOffsetMs);
const ledger = new Ledger(options.ledger, options.app);
watchEventLoop();

const logger = new ConsoleLogger({ colors: false, logLevels: ['warn', 'error', 'fatal'] });
const app = await NestFactory.create(appModule(options, ledger), { logger });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address() as AddressInfo;
process.send?.({ port } satisfies Hello);
// The driver's end is the end of all.
process.on('disconnect', () => process.exit(1));

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
