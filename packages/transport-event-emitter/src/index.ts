export { EventEmitterTransport } from './event-emitter.transport.js';
