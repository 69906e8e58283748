export type { DroppedMessages } from './bad-messages.js';
export { BullMqTransport } from './bullmq.transport.js';
export type { BullMqTransportOptions, RateLimit, TaskQueueOptions } from './options.js';
