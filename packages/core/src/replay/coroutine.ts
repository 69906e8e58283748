/**
 * One activation of a workflow function, from its start to the present moment.
 *
 * T7. Outcomes are delivered one at a time, each in a window of its own (drain.ts). An operation takes its position at
 *     the call and gets a promise that this class settles later; suspension is that promise staying pending, never an
 *     exception, so the code's `catch` and `finally` never see the engine.
 * T8. Every operation is checked against history: position, kind, name, digest of the input, and the window in which
 *     the code asked for it. What history holds and a window does not ask for is a mismatch too. After a mismatch the
 *     coroutine is poisoned: everything that it still asks for stays pending, and its end is ignored.
 */
import {
  DeterminismError,
  type ForeignAwait,
  ForeignAwaitError,
  type OperationLabel,
} from '../errors/errors.js';
import type { OperationGroup, OperationKind } from '../model/history.js';
import type { Activation, Asked, BodyEnd, Settlement } from './activation.js';
import { enqueueWindow, isWindowOpen } from './drain.js';
import { type Operation, type OperationRequest, recordedKind } from './operation.js';
import { EMPTY_HISTORY, type RecordedHistory, type SideEffect } from './recorded.js';

/** What the code calls when it asks for an operation. */
export interface Ask {
  readonly name: string;
  readonly digest: string | null;
  readonly request: OperationRequest;
  readonly group: OperationGroup | null;
}

/** A timer or a request that workflow code has started outside a step. */
export interface ForeignCall {
  /** What Node calls it: `Timeout`, `FSREQCALLBACK`. */
  readonly type: string;
  /** The user's line, if it is known. */
  readonly site: string | null;
  /** The last outcome that the code had seen. */
  readonly after: string;
}

export interface CoroutineOptions {
  readonly runId: string;
  readonly workflow: string;
  readonly history: RecordedHistory | null;
  /** Database time at which the body first ran. */
  readonly startedAt: number;
  readonly captureSite: (() => string | null) | null;
  /** Called for timers and I/O that the code starts outside a step, where the process watches for them. */
  readonly onForeignCall?: (call: ForeignCall) => void;
  /** Called at most once, when the code can no longer be trusted. May come at any time. */
  readonly onPoisoned: (error: Error) => void;
}

/** Never settles: what poisoned and ended code gets. */
function never(): Promise<never> {
  return new Promise<never>(() => {});
}

/** A rejection that nobody awaits is no fault of the process: it stands in history and is delivered when awaited. */
function leaveToHistory(): void {}

export class Coroutine implements Activation {
  readonly isHere = true;
  readonly pending = new Map<number, Operation>();
  private readonly options: CoroutineOptions;
  private readonly history: RecordedHistory;
  private readonly patches = new Map<string, boolean>();
  private readonly transactions = new Map<number, string>();
  private asked: Asked[] = [];
  private askedRecorded = 0;
  private nextPosition = 1;
  private windowSeq = 0;
  private timeMs: number;
  private lastDelivered = 'the start';
  private superseded: string | null = null;
  private cancelRequested = false;
  private bodyEnd: BodyEnd | null = null;
  private poison: Error | null = null;

  constructor(options: CoroutineOptions) {
    this.options = options;
    this.history = options.history ?? EMPTY_HISTORY;
    this.timeMs = options.startedAt;
  }

  /** Database time of what the code has seen last. */
  get now(): number {
    return this.timeMs;
  }

  get cancelled(): boolean {
    return this.cancelRequested;
  }

  get end(): BodyEnd | null {
    return this.bodyEnd;
  }

  get position(): number {
    return this.nextPosition;
  }

  transactionAt(position: number): string | undefined {
    return this.transactions.get(position);
  }

  /** Whether history holds something that the code has not reached yet. */
  get replaying(): boolean {
    const last = this.history.outcomes.at(-1)?.seq ?? 0;
    return this.windowSeq < last || this.nextPosition <= this.history.maxPosition;
  }

  start(body: () => Promise<unknown>, done: () => void): void {
    const open = () => {
      body().then(
        (value) => this.finish({ ok: true, value }),
        (error: unknown) => this.finish({ ok: false, error }),
      );
    };
    enqueueWindow({ owner: this, open, shut: () => this.shut(done) });
  }

  deliver(seq: number, at: number, settlement: Settlement, done: () => void): void {
    const open = () => {
      this.enter(
        seq,
        at,
        `${settlement.kind} '${settlement.name}' (position ${settlement.position})`,
      );
      this.settle(settlement);
    };
    enqueueWindow({ owner: this, open, shut: () => this.shut(done) });
  }

  deliverCancel(seq: number, at: number, done: () => void): void {
    const open = () => {
      this.enter(seq, at, 'the cancel request');
      this.cancelRequested = true;
    };
    enqueueWindow({ owner: this, open, shut: () => this.shut(done) });
  }

  takeAsked(): readonly Asked[] {
    const asked = this.asked;
    if (asked.length > 0) this.asked = [];
    return asked;
  }

  /** An asynchronous operation: takes its position now, settles in a later window. */
  ask(ask: Ask): Promise<unknown> {
    const position = this.takePosition(recordedKind(ask.request), ask.name, ask.digest);
    if (position === null) return never();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    promise.then(undefined, leaveToHistory);
    const recorded = this.history.operations.has(position);
    const operation: Operation = {
      ...ask,
      position,
      cause: this.windowSeq,
      site: recorded ? null : (this.options.captureSite?.() ?? null),
      resolve,
      reject,
    };
    this.pending.set(position, operation);
    if (!recorded) this.asked.push({ note: 'operation', operation });
    if (ask.request.kind === 'transaction') this.transactions.set(position, ask.name);
    if (ask.request.kind === 'signal') this.supersede(operation, ask.request.token);
    return promise;
  }

  /** A synchronous operation without a record: a position, so that later ones shift if the code changes. */
  draw(name: string): number {
    const position = this.takePosition('sideEffect', name, null, true);
    if (position === null) throw this.poison ?? this.astray('outside-turn', name);
    return position;
  }

  /** A synchronous operation whose encoded value is recorded. */
  sideEffect(name: string, make: () => SideEffect, group: OperationGroup | null): SideEffect {
    const position = this.takePosition('sideEffect', name, null);
    if (position === null) throw this.poison ?? this.astray('outside-turn', name);
    const recorded = this.history.sideEffects.get(position);
    if (recorded !== undefined) return recorded;
    const effect = make();
    this.asked.push({ note: 'sideEffect', position, name, effect, group });
    return effect;
  }

  /** Decides a patch once per run: true if marked, or if the code has passed everything that history holds. */
  patched(id: string): boolean {
    const decided = this.patches.get(id);
    if (decided !== undefined) return decided;
    const marked = this.history.patches.has(id);
    const decision = marked || !this.replaying;
    this.patches.set(id, decision);
    if (decision && !marked) this.asked.push({ note: 'patch', name: id });
    return decision;
  }

  /** Gives up pending operations that lost a race: they stay pending for ever. */
  withdraw(belongs: (operation: Operation) => boolean): void {
    for (const operation of [...this.pending.values()]) {
      if (!belongs(operation)) continue;
      this.pending.delete(operation.position);
      this.asked.push({ note: 'withdraw', operation });
    }
  }

  /** Its memory goes with it: nothing but references holds it. */
  close(): void {}

  /** Passes on that the code has started something foreign. */
  noteForeign(type: string, site: string | null): void {
    if (this.poison !== null) return;
    this.options.onForeignCall?.({ type, site, after: this.lastDelivered });
  }

  /** Stops the code for good: what it asks for from now on stays pending. */
  poisonWith(error: Error): void {
    if (this.poison !== null) return;
    this.poison = error;
    this.pending.clear();
    this.asked = [];
    this.options.onPoisoned(error);
  }

  /** A newer wait on a token takes the place of the run's older one, which will have no outcome (ruling 9). */
  private supersede(newer: Operation, token: string): void {
    const { size } = this.pending;
    this.withdraw(
      ({ position, request }) =>
        request.kind === 'signal' && request.token === token && position < newer.position,
    );
    if (this.pending.size === size) return;
    this.superseded = `a wait for '${token}' whose place a newer wait of the run has taken`;
  }

  private enter(seq: number, at: number, what: string): void {
    this.windowSeq = seq;
    this.timeMs = Math.max(this.timeMs, at);
    this.lastDelivered = what;
    this.askedRecorded = 0;
  }

  private settle(settlement: Settlement): void {
    const operation = this.pending.get(settlement.position);
    if (operation === undefined) {
      this.mismatch(settlement.position, null);
      return;
    }
    this.pending.delete(settlement.position);
    if (settlement.ok) operation.resolve(settlement.value);
    else operation.reject(settlement.value);
  }

  private shut(done: () => void): void {
    if (this.poison === null) this.checkWindow();
    done();
  }

  private checkWindow(): void {
    const expected = this.history.askedBy.get(this.windowSeq) ?? 0;
    if (this.askedRecorded < expected) {
      const missing = [...this.history.operations.values()].find(
        (operation) =>
          operation.cause === this.windowSeq && operation.position >= this.nextPosition,
      );
      this.mismatch(missing?.position ?? this.nextPosition, null);
    } else if (this.bodyEnd === null && this.pending.size === 0) {
      this.poisonWith(this.astray('stalled', this.superseded ?? undefined));
    }
  }

  private finish(end: BodyEnd): void {
    if (this.poison !== null) return;
    if (!isWindowOpen(this)) {
      this.poisonWith(this.astray('outside-turn', 'the end of the body'));
      return;
    }
    this.bodyEnd = end;
  }

  /** The position of an operation asked for now, or null if the code may not ask. */
  private takePosition(
    kind: OperationKind,
    name: string,
    digest: string | null,
    unrecorded = false,
  ): number | null {
    if (this.poison !== null) return null;
    if (!isWindowOpen(this)) {
      this.poisonWith(this.astray('outside-turn', `${kind} '${name}'`));
      return null;
    }
    const position = this.nextPosition;
    this.nextPosition += 1;
    const recorded = this.history.operations.get(position);
    if (recorded === undefined) return position;
    const same =
      !unrecorded &&
      recorded.kind === kind &&
      recorded.name === name &&
      recorded.digest === digest &&
      recorded.cause === this.windowSeq;
    if (!same) {
      this.mismatch(position, { kind, name, digest });
      return null;
    }
    this.askedRecorded += 1;
    return position;
  }

  private astray(symptom: ForeignAwait['symptom'], at?: string): ForeignAwaitError {
    const { runId, workflow } = this.options;
    const found = { runId, workflow, symptom, after: this.lastDelivered };
    return new ForeignAwaitError(at === undefined ? found : { ...found, at });
  }

  private mismatch(position: number, asked: OperationLabel | null): void {
    const { runId, workflow } = this.options;
    const found = this.history.operations.get(position);
    const recorded =
      found === undefined ? null : { kind: found.kind, name: found.name, digest: found.digest };
    this.poisonWith(new DeterminismError({ runId, workflow, position, recorded, asked }));
  }
}
