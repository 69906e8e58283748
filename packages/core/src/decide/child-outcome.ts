import type { Codec } from '../codec/codec.js';
import { ChildFailedError, RunCancelledError } from '../errors/errors.js';
import type { RunOutcome } from '../model/run.js';

/** How a child ended, as the parent's code gets to see it. */
export interface ChildOutcome {
  readonly ok: boolean;
  /** Encoded output, or the encoded error that the wait for the child rejects with. */
  readonly payload: string;
}

/** A child that has ended. */
export interface EndedChild {
  readonly childRunId: string;
  readonly workflow: string;
  readonly outcome: RunOutcome;
}

/** Turns a child's end into the value or the error of the operation that waits for it. */
export function toChildOutcome(
  { childRunId, workflow, outcome }: EndedChild,
  codec: Codec,
): ChildOutcome {
  if (outcome.status === 'completed') {
    return { ok: true, payload: outcome.output ?? codec.encode(undefined) };
  }
  const cause =
    outcome.error === null
      ? new RunCancelledError({ runId: childRunId, reason: outcome.reason })
      : codec.decodeError(outcome.error);
  return {
    ok: false,
    payload: codec.encodeError(new ChildFailedError({ childRunId, workflow, cause })),
  };
}
