/**
 * Which payload of a token's mailbox belongs to which open wait. The one rule for every store:
 *
 * - Waits stand in line by registration, payloads by acceptance (both orders are made under the token's lock).
 * - A payload accepted after a wait's deadline does not count for that wait.
 * - The payloads are walked in order; each goes to the first wait in line that has none yet and accepts it.
 *
 * Nothing is stored about a match: it follows from the two lines, and becomes fact when a turn consumes the payload.
 * Expired payloads must have been left out by the caller.
 */

/** An open wait as it stands in a token's line. */
export interface WaitInLine {
  readonly runId: string;
  readonly position: number;
  /** Payloads accepted after this database time do not count; null = no timeout. */
  readonly deadline: number | null;
}

/** A payload that nobody has consumed, as it stands in a token's line. */
export interface PayloadInLine {
  /** The signal's id, unique within the token. */
  readonly id: string;
  readonly acceptedAt: number;
}

/** A wait and the payload that is meant for it now. */
export interface SignalMatch<W extends WaitInLine, P extends PayloadInLine> {
  readonly wait: W;
  readonly payload: P;
}

/** Matches the two lines of one token. The answer is in the order of the payloads. */
export function matchSignals<W extends WaitInLine, P extends PayloadInLine>(
  waits: readonly W[],
  payloads: readonly P[],
): SignalMatch<W, P>[] {
  const open = [...waits];
  const matches: SignalMatch<W, P>[] = [];
  for (const payload of payloads) {
    if (open.length === 0) break;
    const at = open.findIndex((wait) => accepts(wait, payload));
    const [wait] = at < 0 ? [] : open.splice(at, 1);
    if (wait) matches.push({ wait, payload });
  }
  return matches;
}

/**
 * The runs that a change of a token's lines has to wake: those whose wait is matched now to a payload that the same
 * wait (run and position) was not matched to before.
 */
export function newlyMatchedRuns(
  before: readonly SignalMatch<WaitInLine, PayloadInLine>[],
  after: readonly SignalMatch<WaitInLine, PayloadInLine>[],
): string[] {
  const known = new Set(before.map(matchKey));
  return after.filter((match) => !known.has(matchKey(match))).map((match) => match.wait.runId);
}

function accepts(wait: WaitInLine, payload: PayloadInLine): boolean {
  return wait.deadline === null || payload.acceptedAt <= wait.deadline;
}

function matchKey({ wait, payload }: SignalMatch<WaitInLine, PayloadInLine>): string {
  return JSON.stringify([wait.runId, wait.position, payload.id]);
}
