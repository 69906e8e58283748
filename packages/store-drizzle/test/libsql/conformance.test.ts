import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { createLibSqlFixture } from './fixtures.js';

describeStoreConformance('Drizzle on a libSQL file', {
  create: createLibSqlFixture,
  injectsFaults: true,
  randomSequences: 60,
});
