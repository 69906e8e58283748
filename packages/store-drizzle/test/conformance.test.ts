import { describeStoreConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileFixture, createMemoryFixture } from './sqlite-fixture.js';

describeStoreConformance('drizzle on a SQLite file', {
  create: createFileFixture,
  injectsFaults: true,
  randomSequences: 60,
});
describeStoreConformance('drizzle on SQLite in memory', {
  create: createMemoryFixture,
  randomSequences: 60,
});
