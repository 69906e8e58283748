export { jsonSchemas } from './json-schema.js';
export { byteLength, DEFAULT_LIMITS, isTooLarge, type MessageLimits } from './limits.js';
export {
  type CancelMessage,
  cancelMessage,
  type EngineMessage,
  engineMessage,
  type HeartbeatMessage,
  heartbeatMessage,
  type MessageInput,
  type MessageOf,
  type MessageType,
  messageSchemas,
  PROTOCOL_VERSION,
  type ResultMessage,
  resultMessage,
  type TaskMessage,
  taskMessage,
  type WorkerMessage,
  workerMessage,
} from './messages.js';
export { type ReadResult, readMessage, writeMessage } from './read-message.js';
export { type Refusal, RefusalKind } from './refusal.js';
