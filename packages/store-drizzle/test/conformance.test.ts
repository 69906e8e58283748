import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileFixture, createMemoryFixture } from 'store-fixtures';
import { openSqlite } from './open.js';

describeStoreConformance('Drizzle on a SQLite file', {
  create: () => createFileFixture(openSqlite),
  injectsFaults: true,
  randomSequences: 60,
});
describeStoreConformance('Drizzle on SQLite in memory', {
  create: () => createMemoryFixture(openSqlite),
  randomSequences: 60,
});
