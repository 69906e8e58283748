import {
  ShutdownError,
  type TransportHost,
  type TransportSink,
} from '@dudousxd/nestjs-durable-core';
import {
  type CallMessage,
  PROTOCOL_VERSION,
  RefusalKind,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { BadMessages } from './bad-messages.js';
import type { Keys } from './keys.js';
import type { RedisLink } from './redis-link.js';
import { MESSAGE_FIELD } from './stream-reader.js';

/** What calls are answered with. */
export interface ClientCallsOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly host: TransportHost;
  readonly bad: BadMessages;
  readonly sink: TransportSink;
}

/** How long an answer is kept that nobody reads. */
const ANSWER_MS = 3_600_000;

/**
 * Starts and signals of processes without a database. An answer that gets lost is no matter: the caller asks again with the
 * same ids.
 */
export class ClientCalls {
  readonly #options: ClientCallsOptions;

  constructor(options: ClientCallsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer(message: CallMessage): Promise<void> {
    const { bad, link } = this.#options;
    const refused = this.#refuse(message);
    if (refused !== undefined) {
      bad.drop('calls', { kind: RefusalKind.invalid, detail: refused });
      return;
    }
    const answer = await this.#do(message);
    if (answer === undefined) return;
    const head = { v: PROTOCOL_VERSION, type: 'callResult', callId: message.callId } as const;
    try {
      await this.#send(message.replyTo, writeMessage<'callResult'>({ ...head, ...answer }));
    } catch (error) {
      link.report('Answering a call', error);
    }
  }

  /** Also what a forger may want: answers to other keys, runs of another namespace. */
  #refuse({ replyTo, namespace }: CallMessage): string | undefined {
    const { keys, host } = this.#options;
    if (!replyTo.startsWith(keys.inboxOfAll)) return "field 'replyTo' is no inbox";
    if (namespace !== host.namespace) return "field 'namespace' is not ours";
    return undefined;
  }

  /** Undefined: somebody else may do it. */
  async #do({ call }: CallMessage): Promise<{ ok: boolean; payload: string } | undefined> {
    const { sink, host } = this.#options;
    try {
      const payload = await sink.call?.(call);
      return payload === undefined ? undefined : { ok: true, payload };
    } catch (error) {
      if (error instanceof ShutdownError) return undefined;
      return { ok: false, payload: host.codec.encodeError(error) };
    }
  }

  async #send(key: string, text: string): Promise<void> {
    const { commands } = this.#options.link;
    const batch = commands.pipeline().xadd(key, '*', MESSAGE_FIELD, text).pexpire(key, ANSWER_MS);
    const failure = (await batch.exec())?.find(([error]) => error !== null);
    if (failure !== undefined) throw failure[0];
  }
}
