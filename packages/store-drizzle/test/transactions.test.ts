import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileOrm, createMemoryOrm } from 'store-fixtures';
import { openSqlite } from './open.js';

describeTransactionConformance('Drizzle on a SQLite file', {
  create: () => createFileOrm(openSqlite),
});
describeTransactionConformance('Drizzle on SQLite in memory', {
  create: () => createMemoryOrm(openSqlite),
});
