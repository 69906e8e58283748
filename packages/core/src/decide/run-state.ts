/** The live state of one activation, and the facts that deciding needs. Everything here can be rebuilt from history. */
import type { Codec } from '../codec/codec.js';
import { FIRST_SEQ } from '../model/history.js';
import type { RunRecord } from '../model/run.js';
import type { Note } from '../replay/activation.js';
import type { Operation } from '../replay/operation.js';
import type { ChildOutcome } from './child-outcome.js';
import { type EventFacts, TurnDraft } from './turn-draft.js';
import type { Waiting } from './waiting.js';

/** What is not in the run's state: time, ids, randomness, settings. All injected, so that deciding stays pure. */
export interface DecideEnv {
  readonly codec: Codec;
  /** Database time as estimated now. */
  now(): number;
  id(): string;
  secret(): string;
  random(): number;
  readonly cancelGraceMs: number;
  readonly cleanupGraceMs: number;
  /** How long a run that waits for remote steps alone stays with its owner. */
  readonly remoteAwakeMs: number;
  /** How long a new task is left to this process. */
  readonly taskHiddenMs: number;
}

/** A cancel that stands in history. */
export interface CancelState {
  readonly reason: string | null;
  /** Operations with a position below this are rejected. */
  readonly upto: number;
  /** Until then the real outcomes of running steps are waited for. */
  readonly graceUntil: number;
  /** Until then clean-up may run. */
  readonly cleanupUntil: number;
}

type SyncNote = Extract<Note, { note: 'sideEffect' | 'patch' }>;

export class RunState {
  readonly run: RunRecord;
  readonly env: DecideEnv;
  /** Every pending operation, by position. */
  readonly waiting = new Map<number, Waiting>();
  /** Workflows of the children that were started, by run id. */
  readonly childWorkflows = new Map<string, string>();
  /** Outcomes of children that were started with `startChild`, by run id. */
  readonly childOutcomes = new Map<string, ChildOutcome>();
  draft = new TurnDraft();
  nextSeq: number = FIRST_SEQ;
  /** `seq` of the outcome in whose window the code ran last. */
  windowSeq = 0;
  cancel: CancelState | null = null;
  hasChildren = false;
  /** Until then the run is not suspended over remote attempts: their results are expected here. */
  awakeUntil = 0;
  private lastAt: number;

  constructor(run: RunRecord, env: DecideEnv) {
    this.run = run;
    this.env = env;
    this.lastAt = run.startedAt ?? run.createdAt;
  }

  /** In whose name events are recorded: the owner of the run, as it was claimed. */
  get worker(): string {
    return this.run.worker ?? '';
  }

  /** Until when the run has to end. The time it was started with is the first branch's: a retry goes on without it. */
  get deadlineAt(): number | null {
    return this.run.branch === 0 ? this.run.deadlineAt : null;
  }

  /** Database time for the next event: never before an earlier event of the run. */
  at(): number {
    this.lastAt = Math.max(this.lastAt, this.env.now());
    return this.lastAt;
  }

  /** Takes over the clock of a loaded history. */
  observe(at: number): void {
    this.lastAt = Math.max(this.lastAt, at);
  }

  /** Records an event of an operation in the turn that is being made. Returns its `seq`. */
  record(operation: Operation, facts: Omit<EventFacts, 'at'>, at = this.at()): number {
    const seq = this.nextSeq;
    this.nextSeq += 1;
    this.draft.record(seq, this.worker, operation, { ...facts, at });
    return seq;
  }

  /** Records what the code did without waiting: a side effect's value, or a patch marker. */
  noteSync(note: SyncNote): void {
    const seq = this.nextSeq;
    this.nextSeq += 1;
    const { draft, worker, windowSeq: cause } = this;
    const at = this.at();
    if (note.note === 'patch') {
      draft.note(seq, worker, 'patch', note.name, cause, { type: 'recorded', at });
      return;
    }
    const { name, position, effect, group } = note;
    const what = {
      kind: 'sideEffect',
      position,
      name,
      digest: null,
      cause,
      site: null,
      group,
    } as const;
    draft.append(
      seq,
      worker,
      { type: effect.ok ? 'completed' : 'failed', at, payload: effect.payload },
      what,
    );
  }

  /** The draft so far, which the caller commits; a new one takes its place. */
  takeDraft(): TurnDraft {
    const draft = this.draft;
    this.draft = new TurnDraft();
    return draft;
  }
}
