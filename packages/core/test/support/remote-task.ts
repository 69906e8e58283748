import { createCodec } from '../../src/codec/codec.js';
import type { RemoteTask } from '../../src/store/state-store.js';

export const codec = createCodec();

/** A first attempt of the step `greet`. */
export function makeTask(parts: Partial<RemoteTask> = {}): RemoteTask {
  return {
    id: 'task-1',
    namespace: 'default',
    runId: 'run-1',
    branch: 0,
    position: 1,
    attempt: 1,
    step: 'greet',
    token: 'token-1',
    input: codec.encode('Ada'),
    idempotencyKey: 'default:run-1:0:1',
    timeoutMs: null,
    heartbeatTimeoutMs: null,
    priority: 0,
    progress: null,
    ...parts,
  };
}
