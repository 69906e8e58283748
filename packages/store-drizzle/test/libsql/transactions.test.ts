import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { createLibSqlOrm } from './fixtures.js';

describeTransactionConformance('Drizzle on a libSQL file', { create: createLibSqlOrm });
