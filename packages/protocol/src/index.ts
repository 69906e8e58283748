export { jsonSchemas } from './json-schema.js';
export { byteLength, DEFAULT_LIMITS, isTooLarge, type MessageLimits } from './limits.js';
export {
  type CallMessage,
  type CancelMessage,
  callMessage,
  callResultMessage,
  cancelMessage,
  type EngineMessage,
  engineMessage,
  type HeartbeatMessage,
  heartbeatMessage,
  lostMessage,
  type MessageInput,
  type MessageOf,
  type MessageType,
  messageSchemas,
  PROTOCOL_VERSION,
  type ResultMessage,
  releaseMessage,
  resultMessage,
  type TaskMessage,
  type TurnMessage,
  type TurnResultMessage,
  taskMessage,
  turnMessage,
  turnResultMessage,
  type WorkerMessage,
  workerMessage,
} from './messages.js';
export { type ReadResult, readMessage, writeMessage } from './read-message.js';
export { type Refusal, RefusalKind } from './refusal.js';
