import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { PaymentsModule } from './payments.module.js';

const app = await NestFactory.createApplicationContext(PaymentsModule);
app.enableShutdownHooks();
