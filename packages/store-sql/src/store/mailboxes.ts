/**
 * Matching of payloads and waits, by core's one rule, over no more rows than it takes. Nothing is stored about a match.
 *
 * The times of acceptance of a token's payloads never decrease, so that a wait that has refused a payload as too late
 * refuses all after it: the match is complete as soon as one of the two lines has come to its end.
 */
import {
  matchSignals,
  newlyMatchedRuns,
  type PayloadInLine,
  type SignalMatch,
  type WaitInLine,
} from '@dudousxd/nestjs-durable-core';
import { lock, rowsOfEach, type Script } from '../sql/script.js';
import { LINES, type LineRow } from '../statements/signals.js';
import type { Woken } from './transition.js';

/** A mailbox: a token of a namespace. */
export interface TokenRef {
  readonly namespace: string;
  readonly token: string;
}

interface LinedPayload extends PayloadInLine {
  readonly seq: number;
}

export type TokenMatch = SignalMatch<WaitInLine, LinedPayload>;

/** A run that has to be woken, for the item whose change calls for it. */
export interface Wake {
  readonly runId: string;
  readonly woken: Woken;
}

interface Touched {
  readonly ref: TokenRef;
  readonly before: readonly TokenMatch[];
  readonly woken: Woken;
}

const FIRST_PAGE = 16;
const PAGE_GROWTH = 8;

/** The mailboxes as one transaction sees them. Each is matched once, and again after a change. */
export class Mailboxes {
  readonly #now: number;
  readonly #matches = new Map<string, readonly TokenMatch[]>();
  readonly #touched = new Map<string, Touched>();

  constructor(now: number) {
    this.#now = now;
  }

  /** Which payload is meant for which wait now. The caller holds the locks of the tokens if it relies on the answer. */
  *matches(refs: readonly TokenRef[]): Script<(ref: TokenRef) => readonly TokenMatch[]> {
    const unknown = new Map<string, TokenRef>();
    for (const ref of refs) {
      const key = tokenKey(ref);
      if (!this.#matches.has(key)) unknown.set(key, ref);
    }
    yield* this.#match([...unknown.values()]);
    return (ref) => this.#matches.get(tokenKey(ref)) ?? [];
  }

  /** Says that mailboxes are about to change on behalf of an item; `settle` says whom the change concerns. */
  *touch(touches: readonly { readonly ref: TokenRef; readonly woken: Woken }[]): Script<void> {
    const matchesOf = yield* this.matches(touches.map(({ ref }) => ref));
    for (const { ref, woken } of touches) {
      const key = tokenKey(ref);
      if (!this.#touched.has(key)) this.#touched.set(key, { ref, woken, before: matchesOf(ref) });
    }
  }

  /** The runs whose waits have come to a payload since their mailboxes were touched. */
  *settle(): Script<readonly Wake[]> {
    if (this.#touched.size === 0) return [];
    const touched = [...this.#touched.values()];
    this.#touched.clear();
    for (const { ref } of touched) this.#matches.delete(tokenKey(ref));
    const matchesOf = yield* this.matches(touched.map(({ ref }) => ref));
    return touched.flatMap(({ ref, before, woken }) =>
      newlyMatchedRuns(before, matchesOf(ref)).map((runId) => ({ runId, woken })),
    );
  }

  *#match(refs: readonly TokenRef[]): Script<void> {
    let open = refs;
    for (let size = FIRST_PAGE; open.length > 0; size *= PAGE_GROWTH) {
      const lines = yield* rowsOfEach(
        LINES,
        open.map(({ namespace, token }) => {
          const ref = [namespace, token];
          return [...ref, size, ...ref, ...ref, this.#now, size];
        }),
      );
      open = open.filter((ref, i) => !this.#keepIfWhole(ref, toLines(lines[i] ?? [], size)));
    }
  }

  #keepIfWhole(ref: TokenRef, lines: Lines): boolean {
    const matches = matchSignals(lines.waits, lines.payloads);
    if (!isWhole(lines, matches)) return false;
    this.#matches.set(tokenKey(ref), matches);
    return true;
  }
}

/** Takes the locks of the tokens, in one order everywhere (semantics.md 5), before any lock of a run. */
export function* lockTokens(refs: readonly TokenRef[]): Script<void> {
  if (refs.length === 0) return;
  const byKey = new Map(refs.map((ref) => [tokenKey(ref), ref]));
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  yield* lock(sorted.map(([, { namespace, token }]) => [namespace, token]));
}

/** One text per mailbox. */
export function tokenKey({ namespace, token }: TokenRef): string {
  return `${namespace.length}:${namespace}:${token}`;
}

interface Lines {
  readonly waits: readonly WaitInLine[];
  readonly payloads: readonly LinedPayload[];
  /** How many rows of each were asked for. */
  readonly size: number;
}

/**
 * Whether more rows of either line could not add to the match. Where all waits are known, they are fewer than the
 * payloads that were asked for: if more of these lie there, one has been refused by every wait that is left.
 */
function isWhole({ waits, payloads, size }: Lines, matches: readonly TokenMatch[]): boolean {
  if (waits.length < size) return true;
  return payloads.length < size && matches.length === payloads.length;
}

function toLines(rows: readonly LineRow[], size: number): Lines {
  const waits: WaitInLine[] = [];
  const payloads: LinedPayload[] = [];
  for (const row of rows) {
    const { id, number } = row;
    if (row.kind === 0) waits.push({ runId: id, position: number, deadline: row.time });
    else payloads.push({ seq: number, id, acceptedAt: row.time });
  }
  return { waits, payloads, size };
}
