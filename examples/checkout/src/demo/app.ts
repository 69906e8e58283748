/** The application as it is in app.module.ts. Only the bodies of its steps are observed, from outside. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module.js';
import { PaymentsService } from '../payments.service.js';
import { WarehouseService } from '../warehouse.service.js';
import { tellDemo } from './messages.js';
import { observeBody } from './observe-body.js';

observeBody(WarehouseService, 'reserve', 'reserveStock');
observeBody(PaymentsService, 'charge', 'payments.charge-card');
observeBody(WarehouseService, 'ship', 'ship');

// Nobody is left to talk to.
process.once('disconnect', () => process.exit(1));

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
tellDemo({ kind: 'listening', url: await app.getUrl() });
