import type { Codec } from '../codec/codec.js';
import type { RemoteResult } from '../model/message.js';

/** How an attempt ended, before it is text. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** An output that cannot be stored becomes a failure that says where the offending value is. Never throws. */
export function encodeOutcome(
  outcome: Outcome,
  step: string,
  codec: Codec,
): Pick<RemoteResult, 'ok' | 'payload'> {
  if (!outcome.ok) return { ok: false, payload: codec.encodeError(outcome.error) };
  try {
    return { ok: true, payload: codec.encode(outcome.value, `output of remote step '${step}'`) };
  } catch (error) {
    return { ok: false, payload: codec.encodeError(error) };
  }
}
