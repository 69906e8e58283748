import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileOrm } from 'store-fixtures';
import { openSqlite } from './open.js';

describeTransactionConformance('Prisma on a SQLite file', {
  create: () => createFileOrm(openSqlite),
});
