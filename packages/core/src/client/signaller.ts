/** Sends signals: accepted durably before the caller goes on, many in one call to the store. */
import type { Batcher } from '../commit/batcher.js';
import type { SignalOptions, SignalResult } from '../engine-types.js';
import { InvalidArgumentError } from '../errors/errors.js';
import { requireName, requireToken } from '../model/ids.js';
import type { SignalMessage } from '../model/message.js';
import type { Settings } from '../settings.js';
import type { DeliverResult, StateStore } from '../store/state-store.js';
import { type Duration, parseDuration } from '../workflow/duration.js';

export interface SignallerOptions {
  readonly settings: Settings;
  readonly store: StateStore;
  readonly signals: Batcher<SignalMessage, DeliverResult>;
  readonly onWoken: (runIds: readonly string[]) => void;
  /** A signal will be in the outbox when a transaction of the application commits. */
  readonly onSentIn: () => void;
}

const DEFAULT_TTL = '30 days';

export class Signaller {
  private readonly options: SignallerOptions;

  constructor(options: SignallerOptions) {
    this.options = options;
  }

  async send(token: string, payload: unknown, options: SignalOptions = {}): Promise<SignalResult> {
    const { signals, onWoken } = this.options;
    const { outcome, woken } = await signals.submit(this.message(token, payload, options));
    onWoken(woken);
    return { accepted: outcome === 'accepted' };
  }

  /**
   * Sends inside an open transaction of the application. On a synchronous driver all of it happens in this call: it throws
   * instead of rejecting, so that the transaction is rolled back.
   */
  sendIn(
    transaction: unknown,
    token: string,
    payload: unknown,
    options: SignalOptions,
  ): Promise<SignalResult> {
    const { store, onSentIn } = this.options;
    const toResult = (): SignalResult => {
      onSentIn();
      return { accepted: true };
    };
    const sent = store.signalIn(transaction, [this.message(token, payload, options)]);
    return sent instanceof Promise ? sent.then(toResult) : Promise.resolve(toResult());
  }

  private message(token: string, payload: unknown, { id, ttl }: SignalOptions): SignalMessage {
    const { codec, namespace, runtime } = this.options.settings;
    return {
      namespace,
      token: requireToken(token, 'token'),
      id: id === undefined ? runtime.ids.id() : requireName(id, 'id'),
      payload: codec.encode(payload, `payload of signal '${token}'`),
      ttlMs: requireTtl(ttl ?? DEFAULT_TTL),
    };
  }
}

function requireTtl(ttl: Duration): number {
  const ttlMs = parseDuration(ttl, 'ttl');
  if (ttlMs > 0) return ttlMs;
  throw new InvalidArgumentError({ field: 'ttl', received: ttl, todo: 'Pass a duration above 0.' });
}
