import { InProcessTransport } from '@dudousxd/nestjs-durable-core';
import { describeTransportConformance } from './suite.js';

describeTransportConformance('in-process', {
  open: async () => {
    const transport = new InProcessTransport();
    return { engine: transport, worker: transport, dispose: async () => {} };
  },
});
