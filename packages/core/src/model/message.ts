import type { RunOutcome } from './run.js';

/** Outcome of one attempt of a remote step, as it lies in the inbox. */
export interface RemoteResult {
  readonly attempt: number;
  readonly ok: boolean;
  /** Encoded output or error. */
  readonly payload: string;
  /** Who ran it. */
  readonly worker: string;
  readonly startedAt: number | null;
  /** The last progress that the attempt reported, encoded; absent if none. The next attempt gets it. */
  readonly progress?: string;
}

/** What can be put into a run's inbox. Signals are not among them: they name a token, not a run. */
export type InboxBody =
  | { readonly kind: 'cancel'; readonly reason: string | null }
  | {
      readonly kind: 'child';
      readonly position: number;
      readonly childRunId: string;
      readonly outcome: RunOutcome;
    }
  | { readonly kind: 'remote'; readonly position: number; readonly result: RemoteResult }
  | ({ readonly kind: 'transaction' } & Checkpoint);

/**
 * That the body of a `ctx.transaction` has committed, and with what. It is written inside that very transaction: there
 * is a checkpoint if, and only if, what the body wrote is there.
 */
export interface Checkpoint {
  readonly position: number;
  readonly name: string;
  /** `seq` of the outcome in whose window the code asked for it. */
  readonly cause: number;
  readonly attempt: number;
  /** Encoded result. */
  readonly payload: string;
  readonly startedAt: number | null;
}

/**
 * A message to one branch of a run. `key` makes it idempotent: of two messages with the same run, branch and key only
 * the first is kept, for as long as it lies in the inbox.
 */
export interface InboxMessage {
  readonly runId: string;
  /**
   * The branch it is for; null = whichever is current when it is received, but for a cancel: that is for the one which is
   * current when it is accepted (`branchOf`). A message for an older branch is dropped.
   */
  readonly branch: number | null;
  readonly key: string;
  readonly body: InboxBody;
}

/**
 * The branch under which a store keeps a message that the run accepts; null = for whichever is current. A cancel stops the
 * branch that is at work when it is accepted, and none that a `retry` opens later.
 */
export function branchOf(
  { branch, body }: InboxMessage,
  run: { readonly branch: number },
): number | null {
  return branch === null && body.kind === 'cancel' ? run.branch : branch;
}

/** A signal as sent. */
export interface SignalMessage {
  readonly namespace: string;
  readonly token: string;
  /** Deduplicates: a second signal with the same namespace, token and id is not accepted again. */
  readonly id: string;
  readonly payload: string;
  /** How long an unconsumed payload, and the id's memory, are kept, in milliseconds. */
  readonly ttlMs: number;
}

/** Something that has arrived for a run and can be delivered to its code. */
export type Arrival =
  | {
      readonly type: 'inbox';
      readonly messageId: string;
      readonly body: InboxBody;
      /** Of a remote result that has come by another way than the inbox: its task is still in the outbox. */
      readonly taskId?: string;
    }
  | {
      readonly type: 'signal';
      readonly messageId: string;
      readonly position: number;
      readonly token: string;
      readonly payload: string;
      readonly acceptedAt: number;
    };
