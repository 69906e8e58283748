import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { createSqliteTransactions } from './sqlite-transactions.js';

describeTransactionConformance('drizzle on a SQLite file', { create: createSqliteTransactions });
describeTransactionConformance('drizzle on SQLite in memory', {
  create: () => createSqliteTransactions(true),
});
