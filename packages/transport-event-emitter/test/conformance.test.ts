import { describeTransportConformance } from '@dudousxd/nestjs-durable-testing';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { EventEmitterTransport } from '../src/index.js';

describeTransportConformance('event-emitter', {
  open: async () => {
    const transport = new EventEmitterTransport(new EventEmitter2());
    return { engine: transport, worker: transport, dispose: async () => {} };
  },
});

describeTransportConformance('event-emitter, two ends on a wildcard emitter', {
  open: async () => {
    const emitter = new EventEmitter2({ wildcard: true });
    return {
      engine: new EventEmitterTransport(emitter),
      worker: new EventEmitterTransport(emitter),
      dispose: async () => {},
    };
  },
});
