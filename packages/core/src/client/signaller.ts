/** Sends signals: accepted durably before the caller goes on, many in one call to the store. */
import type { Batcher } from '../commit/batcher.js';
import type { SignalOptions, SignalResult } from '../engine-types.js';
import { InvalidArgumentError } from '../errors/errors.js';
import { requireName, requireToken } from '../model/ids.js';
import type { SignalMessage } from '../model/message.js';
import type { Settings } from '../settings.js';
import type { DeliverResult } from '../store/state-store.js';
import { type Duration, parseDuration } from '../workflow/duration.js';

export interface SignallerOptions {
  readonly settings: Settings;
  readonly signals: Batcher<SignalMessage, DeliverResult>;
  readonly onWoken: (runIds: readonly string[]) => void;
}

const DEFAULT_TTL = '30 days';

export class Signaller {
  private readonly options: SignallerOptions;

  constructor(options: SignallerOptions) {
    this.options = options;
  }

  async send(
    token: string,
    payload: unknown,
    { id, ttl }: SignalOptions = {},
  ): Promise<SignalResult> {
    const { settings, signals, onWoken } = this.options;
    const { codec, namespace, runtime } = settings;
    const { outcome, woken } = await signals.submit({
      namespace,
      token: requireToken(token, 'token'),
      id: id === undefined ? runtime.ids.id() : requireName(id, 'id'),
      payload: codec.encode(payload, `payload of signal '${token}'`),
      ttlMs: requireTtl(ttl ?? DEFAULT_TTL),
    });
    onWoken(woken);
    return { accepted: outcome === 'accepted' };
  }
}

function requireTtl(ttl: Duration): number {
  const ttlMs = parseDuration(ttl, 'ttl');
  if (ttlMs > 0) return ttlMs;
  throw new InvalidArgumentError({ field: 'ttl', received: ttl, todo: 'Pass a duration above 0.' });
}
