import {
  PayloadTooLargeError,
  type TaskHeartbeat,
  type TaskResult,
  type TransportHost,
  type TransportSink,
} from '@dudousxd/nestjs-durable-core';
import {
  byteLength,
  isTooLarge,
  PROTOCOL_VERSION,
  type TaskMessage,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { RedisLink } from './redis-link.js';
import { MESSAGE_FIELD } from './stream-reader.js';

/** How long answers are kept that no engine reads. */
const KEPT_MS = 7 * 24 * 3_600_000;

/** What answers are sent with. */
export interface RepliesOptions {
  readonly link: RedisLink;
  readonly host: TransportHost;
  readonly maxMessageBytes: number;
}

/** Sends answers to the engine that has sent the task. A result waits for Redis; a sign of life does not. */
export class Replies {
  readonly #options: RepliesOptions;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /** Where the answers to a task go. */
  sinkOf({ replyTo, step }: TaskMessage): TransportSink {
    return {
      result: (result) => this.#send(replyTo, this.#resultText(result, step)),
      heartbeat: (beat) => this.#beat(replyTo, beat),
    };
  }

  #resultText(answer: TaskResult, step: string): string {
    const { host, maxMessageBytes } = this.#options;
    const text = toText(answer);
    if (!isTooLarge(text, maxMessageBytes)) return text;
    const field = `the result of remote step '${step}' (maxMessageBytes of the transport)`;
    const size = { field, bytes: byteLength(text), limit: maxMessageBytes };
    const payload = host.codec.encodeError(new PayloadTooLargeError(size));
    const { attempt, worker, startedAt } = answer.result;
    return toText({ ...answer, result: { attempt, worker, startedAt, ok: false, payload } });
  }

  #beat(key: string, { taskId, token, progress }: TaskHeartbeat): void {
    const { link } = this.#options;
    if (!link.isReady) return;
    const beat = { v: PROTOCOL_VERSION, type: 'heartbeat', taskId, token } as const;
    const text = writeMessage<'heartbeat'>({ ...beat, progress });
    // A sign of life that nobody reads is none.
    const isTooLong = isTooLarge(text, this.#options.maxMessageBytes);
    this.#send(key, isTooLong ? writeMessage<'heartbeat'>(beat) : text).catch((error: unknown) => {
      link.report('Sending a heartbeat', error);
    });
  }

  async #send(key: string, text: string): Promise<void> {
    const { commands } = this.#options.link;
    const replies = await commands
      .pipeline()
      .xadd(key, '*', MESSAGE_FIELD, text)
      .pexpire(key, KEPT_MS)
      .exec();
    const failure = replies?.find(([error]) => error !== null);
    if (failure !== undefined) throw failure[0];
  }
}

function toText({ taskId, token, result }: TaskResult): string {
  return writeMessage<'result'>({
    v: PROTOCOL_VERSION,
    type: 'result',
    taskId,
    token,
    attempt: result.attempt,
    ok: result.ok,
    payload: result.payload,
    worker: result.worker,
    startedAt: result.startedAt === null ? undefined : Math.max(0, Math.round(result.startedAt)),
    progress: result.progress,
  });
}
