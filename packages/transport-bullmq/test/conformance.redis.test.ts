import { describeTransportConformance } from '@dudousxd/nestjs-durable-testing';
import { describe, inject } from 'vitest';
import { BullMqTransport } from '../src/index.js';
import { freshPrefix, optionsOf } from './support.js';

const url = inject('redisUrl');

describe.skipIf(url === undefined)('on a real Redis', () => {
  const connection = optionsOf(url ?? 'redis://nowhere');

  describeTransportConformance('BullMQ, two ends', {
    open: async () => {
      const options = { connection, prefix: freshPrefix() };
      return {
        engine: new BullMqTransport(options),
        worker: new BullMqTransport(options),
        dispose: async () => {},
      };
    },
  });

  describeTransportConformance('BullMQ, both ends in one', {
    open: async () => {
      const transport = new BullMqTransport({ connection, prefix: freshPrefix() });
      return { engine: transport, worker: transport, dispose: async () => {} };
    },
  });
});
