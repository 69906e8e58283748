import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileFixture } from 'store-fixtures';
import { openSqlite } from './open.js';

describeStoreConformance('Prisma on a SQLite file', {
  create: () => createFileFixture(openSqlite),
  injectsFaults: true,
  randomSequences: 60,
});
