/**
 * The shell around one resident run: feeds its coroutine one outcome at a time, turns what the code asks for into turns,
 * and lets effects happen when their turn is durable.
 *
 * - **T1, T10** Everything between two commits goes into one draft, which commits as one turn: the outcome of a step
 *   travels with whatever the code asks for next.
 * - **T2** When the store says `fenced`, nothing of this object reaches the store any more: signals fire, and the
 *   coroutine is dropped.
 * - **T3** Local steps start from the acknowledgement of the turn that holds their cause. A turn that would write nothing
 *   has a durable cause already.
 * - **T7** One window at a time: an outcome is delivered when the window before it has shut.
 *
 * Life: `replaying → live ⇄ parked → closed`. Parked = suspended in the store, kept here as a cache (semantics.md, 2).
 */

import { nextChildResult, takeChild, takeRemote, takeSignal } from '../decide/arrivals.js';
import type { AttemptEnd } from '../decide/attempts.js';
import { endAttempt } from '../decide/attempts.js';
import { nextRejection, takeCancel } from '../decide/cancel.js';
import { nextDue, nextWakeAt } from '../decide/due.js';
import {
  abandonPending,
  canSettle,
  outcomeOf,
  terminatedOutcome,
  timedOutOutcome,
} from '../decide/end.js';
import { idempotencyKey } from '../decide/remote.js';
import { restoreFacts, restoreOperation } from '../decide/restore.js';
import { RunState } from '../decide/run-state.js';
import { type Immediate, schedule } from '../decide/schedule.js';
import { type Delivery, settle } from '../decide/settlement.js';
import type { TurnDraft } from '../decide/turn-draft.js';
import { describeWaiting, isActive } from '../decide/waiting.js';
import { withdraw } from '../decide/withdraw.js';
import { CancelledError, LeaseLostError } from '../errors/errors.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival } from '../model/message.js';
import type { RunOutcome, RunRecord } from '../model/run.js';
import type { RunChange, Turn } from '../model/turn.js';
import { type Asked, Coroutine } from '../replay/coroutine.js';
import type { Operation } from '../replay/operation.js';
import { recordedKind } from '../replay/operation.js';
import { arrangeHistory, opensWindow } from '../replay/recorded.js';
import type { CommitResult } from '../store/state-store.js';
import { type CheckedPayload, checkRemoteResult, checkSignal } from './check-payload.js';
import type { ExecutionHost } from './execution-host.js';
import type { LocalStep } from './local-step.js';

/** Something that has happened and is not yet in the draft. */
type Input =
  | {
      readonly input: 'attempt';
      readonly position: number;
      readonly attempt: number;
      readonly end: AttemptEnd;
    }
  | {
      readonly input: 'arrival';
      readonly arrival: Arrival;
      readonly checked: CheckedPayload | null;
    }
  | { readonly input: 'immediate'; readonly immediate: Immediate };

type Phase = 'replaying' | 'live' | 'releasing' | 'parked' | 'closed';

export class RunExecution {
  readonly runId: string;
  private readonly host: ExecutionHost;
  private run: RunRecord;
  private state: RunState;
  private coroutine: Coroutine;
  private phase: Phase = 'replaying';
  private inputs: Input[] = [];
  /** What arrived during a replay. */
  private held: Arrival[] = [];
  /** Ends of local attempts that are not durable yet: a reload has to deliver them again. */
  private readonly unrecorded = new Map<number, Extract<Input, { input: 'attempt' }>>();
  private readonly localSteps = new Map<number, LocalStep>();
  /** Inbox messages that have been taken and whose turn is not durable yet. */
  private readonly taken = new Set<string>();
  /** Checks of payloads under way: they keep the run from being suspended. */
  private checking = 0;
  private delivering = false;
  private committing = false;
  private timeReached = 0;
  private stopTimer: (() => void) | null = null;

  constructor(host: ExecutionHost, run: RunRecord) {
    this.host = host;
    this.runId = run.id;
    this.run = run;
    this.state = this.newState();
    this.coroutine = this.newCoroutine(null);
  }

  get epoch(): number {
    return this.run.epoch;
  }

  /** The worker that owns it, as it was claimed. */
  get worker(): string {
    return this.run.worker ?? '';
  }

  /** Whether the store should list the run as owned by its worker. */
  get isOwned(): boolean {
    return this.phase === 'live' || this.phase === 'replaying';
  }

  get isParked(): boolean {
    return this.phase === 'parked';
  }

  get isReleasing(): boolean {
    return this.phase === 'releasing';
  }

  /** Starts the run, or replays it from `history`, and then takes what has arrived. `now`: database time of the claim. */
  begin(history: readonly HistoryEvent[], arrivals: readonly Arrival[], now: number): void {
    this.timeReached = now;
    if (this.run.epoch === 1 && this.endBeforeStart(arrivals)) return;
    this.replay(history, arrivals);
  }

  /** Whether the kept coroutine is the run as it was claimed: nobody else has owned it since it was suspended. */
  canResume(run: RunRecord): boolean {
    return (
      this.phase === 'parked' && run.epoch === this.run.epoch + 1 && run.branch === this.run.branch
    );
  }

  /** Goes on after a suspension with the coroutine that was kept. */
  resume(run: RunRecord, arrivals: readonly Arrival[], now: number): void {
    this.run = run;
    this.phase = 'live';
    this.timeReached = now;
    this.receive(arrivals);
  }

  /** Takes arrivals; those it has taken already are ignored. */
  receive(arrivals: readonly Arrival[]): void {
    if (this.phase === 'replaying') {
      this.held.push(...arrivals);
      return;
    }
    if (this.phase !== 'live') return;
    for (const arrival of arrivals) {
      if (this.taken.has(arrival.messageId)) continue;
      this.taken.add(arrival.messageId);
      this.check(arrival);
    }
    this.pump();
  }

  /** Gives the run up without a word to the store: somebody else has it, or the process stops. */
  drop(reason: Error): void {
    if (this.phase === 'closed') return;
    this.close();
    for (const step of this.localSteps.values()) step.drop(reason);
    this.localSteps.clear();
    this.host.onClosed(this);
  }

  // ---- coroutine -------------------------------------------------------------------------------------------------

  private newState(): RunState {
    return new RunState(this.run, this.host.decideEnv);
  }

  private newCoroutine(history: readonly HistoryEvent[] | null): Coroutine {
    const { run } = this;
    const coroutine: Coroutine = new Coroutine({
      runId: run.id,
      workflow: run.workflow,
      history: history === null || history.length === 0 ? null : arrangeHistory(history),
      startedAt: run.startedAt ?? run.createdAt,
      captureSite: this.host.captureSite,
      onPoisoned: (error) => {
        if (coroutine === this.coroutine) this.onPoisoned(error);
      },
    });
    return coroutine;
  }

  private replay(history: readonly HistoryEvent[], arrivals: readonly Arrival[]): void {
    this.phase = 'replaying';
    this.held.push(...arrivals);
    this.state = this.newState();
    const coroutine = this.newCoroutine(history);
    this.coroutine = coroutine;
    restoreFacts(this.state, history);
    const outcomes = history.filter(opensWindow);
    let next = 0;
    const step = () => {
      if (this.coroutine !== coroutine || this.phase !== 'replaying') return;
      const event = outcomes[next];
      next += 1;
      if (event === undefined) this.goLive(history);
      else this.redeliver(event, step);
    };
    const body = this.host.bodyOf(this.run, coroutine);
    if (body.ok) coroutine.start(body.start, step);
    else this.block(body.error);
  }

  private redeliver(event: HistoryEvent, done: () => void): void {
    this.state.windowSeq = event.seq;
    if (event.kind === 'cancel') {
      this.coroutine.deliverCancel(event.seq, event.at, done);
      return;
    }
    const { seq, at, kind, name, position, payload } = event;
    const ok = event.type === 'completed';
    const value = this.decode(payload ?? '', ok);
    if (!value.ok) return;
    this.coroutine.deliver(
      seq,
      at,
      { position: position ?? 0, kind, name, ok, value: value.value },
      done,
    );
  }

  private goLive(history: readonly HistoryEvent[]): void {
    this.phase = 'live';
    const byPosition = groupByPosition(history);
    const fresh = this.coroutine.takeAsked();
    const freshPositions = new Set<number>();
    for (const asked of fresh)
      if (asked.note === 'operation') freshPositions.add(asked.operation.position);
    for (const operation of this.coroutine.pending.values()) {
      if (freshPositions.has(operation.position)) continue;
      this.restore(operation, byPosition.get(operation.position) ?? []);
    }
    this.takeAll(fresh);
    const { held } = this;
    this.held = [];
    this.receive(held);
  }

  private restore(operation: Operation, events: readonly HistoryEvent[]): void {
    const immediate = restoreOperation(this.state, operation, events);
    if (immediate !== null) this.inputs.push({ input: 'immediate', immediate });
  }

  private onPoisoned(error: Error): void {
    if (this.phase === 'parked' || this.phase === 'closed') {
      this.drop(error);
      return;
    }
    this.block(error);
  }

  // ---- pump ------------------------------------------------------------------------------------------------------

  /** Delivers what can be delivered, then commits. Re-entered after every window. */
  private pump(): void {
    while (this.phase === 'live' && !this.delivering) {
      const step = this.next();
      if (step === null) break;
      if (step !== 'again') this.deliver(step);
    }
    if (!this.delivering) this.commit();
  }

  private next(): Delivery | 'again' | null {
    const input = this.inputs.shift();
    if (input !== undefined) return this.take(input) ?? 'again';
    const child = nextChildResult(this.state);
    if (child !== null) return child;
    const due = nextDue(this.state, this.timeReached);
    if (due !== null) return due;
    return this.takeRejection();
  }

  private takeRejection(): Delivery | null {
    const rejection = nextRejection(this.state, this.timeReached);
    if (rejection === null) return null;
    const { position } = rejection.waiting.operation;
    const step = this.localSteps.get(position);
    if (step !== undefined) {
      this.localSteps.delete(position);
      step.drop(this.cancelledError());
    }
    return rejection;
  }

  private take(input: Input): Delivery | null {
    switch (input.input) {
      case 'attempt':
        return this.takeAttempt(input);
      case 'arrival':
        return this.takeArrival(input.arrival, input.checked);
      case 'immediate': {
        const { waiting, outcome } = input.immediate;
        return this.state.waiting.has(waiting.operation.position)
          ? settle(this.state, waiting, outcome)
          : null;
      }
      default:
        return input satisfies never;
    }
  }

  private takeAttempt(input: Extract<Input, { input: 'attempt' }>): Delivery | null {
    const waiting = this.state.waiting.get(input.position);
    if (waiting?.is !== 'step' || waiting.attempt !== input.attempt) return null;
    this.unrecorded.set(input.position, input);
    return endAttempt(this.state, waiting, input.end);
  }

  private takeArrival(arrival: Arrival, checked: CheckedPayload | null): Delivery | null {
    if (arrival.type === 'signal') {
      const delivery = checked === null ? null : takeSignal(this.state, arrival, checked);
      if (delivery === null) this.taken.delete(arrival.messageId);
      return delivery;
    }
    const { body, messageId } = arrival;
    switch (body.kind) {
      case 'child':
        return takeChild(this.state, messageId, body);
      case 'remote':
        return checked === null ? null : takeRemote(this.state, messageId, body, checked);
      case 'cancel':
        this.takeCancelRequest(messageId, body.reason);
        return null;
      default:
        return body satisfies never;
    }
  }

  private takeCancelRequest(messageId: string, reason: string | null): void {
    const cancel = takeCancel(this.state, messageId, reason, this.coroutine.position);
    if (cancel === null) return;
    this.delivering = true;
    for (const step of [...this.localSteps.values()]) step.abort(this.cancelledError());
    const { coroutine } = this;
    coroutine.deliverCancel(cancel.seq, cancel.at, () => this.afterWindow(coroutine));
  }

  private deliver(delivery: Delivery): void {
    const { waiting, seq, at, ok, payload } = delivery;
    const { position, name, request } = waiting.operation;
    const value = this.decode(payload, ok);
    if (!value.ok) return;
    this.delivering = true;
    const settlement = { position, kind: recordedKind(request), name, ok, value: value.value };
    const { coroutine } = this;
    coroutine.deliver(seq, at, settlement, () => this.afterWindow(coroutine));
  }

  private afterWindow(coroutine: Coroutine): void {
    if (coroutine !== this.coroutine) return;
    this.delivering = false;
    if (this.phase !== 'live') return;
    this.takeAll(this.coroutine.takeAsked());
    this.pump();
  }

  /** Takes what the code asked for in one window into the draft, in its order. */
  private takeAll(asked: readonly Asked[]): void {
    for (const ask of asked) {
      switch (ask.note) {
        case 'operation': {
          const immediate = schedule(this.state, ask.operation);
          if (immediate !== null) this.inputs.push({ input: 'immediate', immediate });
          break;
        }
        case 'withdraw':
          this.withdraw(ask.operation);
          break;
        case 'sideEffect':
        case 'patch':
          this.state.noteSync(ask);
          break;
        default:
          ask satisfies never;
      }
    }
  }

  private withdraw(operation: Operation): void {
    withdraw(this.state, operation);
    const step = this.localSteps.get(operation.position);
    if (step === undefined) return;
    this.localSteps.delete(operation.position);
    step.drop(
      new CancelledError({ runId: this.runId, reason: 'another branch of the race has won' }),
    );
  }

  // ---- commit ----------------------------------------------------------------------------------------------------

  private commit(): void {
    if (this.committing || this.phase !== 'live') return;
    const change = this.change();
    if (change === null && this.state.draft.isEmpty) {
      this.startEffects(this.state.takeDraft());
      this.armTimer();
      return;
    }
    const draft = this.state.takeDraft();
    this.send(draft, change);
  }

  private send(draft: TurnDraft, change: RunChange | null): void {
    this.committing = true;
    if (change !== null) this.phase = 'releasing';
    this.disarmTimer();
    const { id: runId, namespace, branch, epoch } = this.run;
    const turn = draft.toTurn(
      { runId, namespace, branch, worker: this.host.decideEnv.worker, epoch },
      change,
    );
    this.host.commit(turn, (result, error) => this.acknowledge(turn, draft, result, error));
  }

  private change(): RunChange | null {
    const { end } = this.coroutine;
    const { state } = this;
    if (state.run.deadlineAt !== null && this.timeReached >= state.run.deadlineAt) {
      return this.settled(timedOutOutcome(state));
    }
    if (end !== null && canSettle(state, this.timeReached))
      return this.settled(outcomeOf(state, end));
    if (
      end === null &&
      state.cancel !== null &&
      canSettle(state, this.timeReached) &&
      state.waiting.size > 0
    ) {
      return this.settled(terminatedOutcome('its clean-up did not end in time'));
    }
    return this.canSuspend() ? this.suspended() : null;
  }

  private settled(outcome: RunOutcome): RunChange {
    for (const step of this.localSteps.values()) step.drop(this.cancelledError());
    this.localSteps.clear();
    abandonPending(this.state);
    return { to: 'settled', outcome, hasChildren: this.state.hasChildren };
  }

  private suspended(): RunChange {
    const { waiting } = this.state;
    return {
      to: 'suspended',
      wakeAt: nextWakeAt(this.state),
      waitingFor: [...waiting.values()].slice(0, MAX_WAITS_SHOWN).map(describeWaiting),
    };
  }

  private canSuspend(): boolean {
    if (this.checking > 0) return false;
    for (const waiting of this.state.waiting.values()) if (isActive(waiting)) return false;
    return true;
  }

  private acknowledge(
    turn: Turn,
    draft: TurnDraft,
    result: CommitResult | undefined,
    error: unknown,
  ): void {
    this.committing = false;
    if (this.phase === 'closed') return;
    if (result === undefined) {
      this.drop(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    switch (result.outcome) {
      case 'committed':
        this.committed(turn, draft, result);
        break;
      case 'fenced':
        this.drop(
          new LeaseLostError({ runId: this.runId, worker: turn.worker, epoch: turn.epoch }),
        );
        break;
      case 'conflict':
        this.reload();
        break;
      default:
        result.outcome satisfies never;
    }
  }

  private committed(turn: Turn, draft: TurnDraft, result: CommitResult): void {
    this.forget(turn);
    this.host.onCommitted(this.run, turn, draft);
    this.host.onWoken(result.woken);
    if (turn.change === null) {
      this.startEffects(draft);
      this.pump();
    } else if (turn.change.to === 'suspended') {
      this.phase = 'parked';
      this.host.onParked(this);
    } else {
      this.close();
      this.host.onClosed(this);
    }
  }

  /** What the turn has made durable needs no second delivery. */
  private forget(turn: Turn): void {
    for (const messageId of turn.consumedInbox) this.taken.delete(messageId);
    for (const { messageId } of turn.consumedSignals) this.taken.delete(messageId);
    if (this.unrecorded.size === 0) return;
    for (const { position } of turn.events) if (position !== null) this.unrecorded.delete(position);
  }

  private startEffects(draft: TurnDraft): void {
    if (this.coroutine.end !== null && this.state.cancel === null) return;
    for (const position of draft.starts) this.startStep(position);
  }

  private startStep(position: number): void {
    const waiting = this.state.waiting.get(position);
    if (waiting?.is !== 'step' || waiting.phase !== 'due' || this.host.stopping()) return;
    const { operation, attempt, progress } = waiting;
    if (operation.request.kind !== 'step') return;
    this.state.waiting.set(position, { ...waiting, phase: 'running' });
    const running = this.localSteps.get(position);
    if (running?.attempt === attempt) return;
    const { invoke, options } = operation.request;
    const { timeoutMs, heartbeatTimeoutMs } = options;
    const step = this.host.localSteps.start(
      {
        name: operation.name,
        invoke,
        attempt,
        idempotencyKey: idempotencyKey(this.state, position),
        timeoutMs,
        heartbeatTimeoutMs,
        progress,
      },
      (end) => this.stepEnded(position, attempt, end),
    );
    this.localSteps.set(position, step);
  }

  private stepEnded(position: number, attempt: number, end: AttemptEnd): void {
    if (this.localSteps.get(position)?.attempt === attempt) this.localSteps.delete(position);
    if (this.phase === 'closed') return;
    this.inputs.push({ input: 'attempt', position, attempt, end });
    this.pump();
  }

  // ---- time ------------------------------------------------------------------------------------------------------

  /** A run that stays resident needs a timer of its own for what is due before anything else happens. */
  private armTimer(): void {
    this.disarmTimer();
    const wakeAt = nextWakeAt(this.state);
    if (wakeAt === null || this.phase !== 'live') return;
    this.stopTimer = this.host.startTimer(wakeAt, () => {
      this.timeReached = Math.max(this.timeReached, this.host.decideEnv.now());
      this.pump();
    });
  }

  private disarmTimer(): void {
    this.stopTimer?.();
    this.stopTimer = null;
  }

  // ---- the unusual -----------------------------------------------------------------------------------------------

  /** A cancel that was there before the body ever ran: it never runs. */
  private endBeforeStart(arrivals: readonly Arrival[]): boolean {
    const cancel = arrivals.find(
      (arrival) => arrival.type === 'inbox' && arrival.body.kind === 'cancel',
    );
    if (cancel?.type !== 'inbox' || cancel.body.kind !== 'cancel') return false;
    takeCancel(this.state, cancel.messageId, cancel.body.reason, 1);
    this.phase = 'live';
    this.send(
      this.state.takeDraft(),
      this.settled({ ...terminatedOutcome(''), reason: cancel.body.reason }),
    );
    return true;
  }

  /** What was delivered is not what is durable: replays from the store, and delivers what only this process knows. */
  private reload(): void {
    this.phase = 'replaying';
    this.inputs = [
      ...this.unrecorded.values(),
      ...this.inputs.filter(({ input }) => input === 'attempt'),
    ];
    this.taken.clear();
    this.held = [];
    this.delivering = false;
    this.host.reload(this.run, (history, arrivals) => {
      if (this.phase !== 'replaying') return;
      this.replay(history, arrivals);
    });
  }

  private block(error: Error): void {
    if (this.phase === 'closed') return;
    for (const step of this.localSteps.values()) step.drop(error);
    this.localSteps.clear();
    this.state.takeDraft();
    this.inputs = [];
    this.phase = 'live';
    if (this.committing) {
      // The turn in flight may still land. What it says is true; the replay after it meets the same error.
      this.drop(error);
      void this.host.release(this.run);
      return;
    }
    const { codec } = this.host.decideEnv;
    this.host.onBlocked(this.run, error);
    this.send(this.state.takeDraft(), {
      to: 'blocked',
      reason: error.message,
      error: codec.encodeError(error),
    });
  }

  private check(arrival: Arrival): void {
    const checked = this.checkedPayload(arrival);
    if (!(checked instanceof Promise)) {
      this.inputs.push({ input: 'arrival', arrival, checked });
      return;
    }
    this.checking += 1;
    void checked.then((payload) => {
      this.checking -= 1;
      this.inputs.push({ input: 'arrival', arrival, checked: payload });
      this.pump();
    });
  }

  private checkedPayload(arrival: Arrival): CheckedPayload | null | Promise<CheckedPayload> {
    const { codec } = this.host.decideEnv;
    if (arrival.type === 'signal')
      return checkSignal(this.requestAt(arrival.position), arrival, codec);
    if (arrival.body.kind !== 'remote') return null;
    return checkRemoteResult(this.requestAt(arrival.body.position), arrival.body.result, codec);
  }

  private requestAt(position: number): Operation | undefined {
    return this.state.waiting.get(position)?.operation;
  }

  private decode(
    payload: string,
    ok: boolean,
  ): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
    const { codec } = this.host.decideEnv;
    try {
      return { ok: true, value: ok ? codec.decode(payload) : codec.decodeError(payload) };
    } catch (error) {
      this.block(error instanceof Error ? error : new Error(String(error)));
      return { ok: false };
    }
  }

  private cancelledError(): CancelledError {
    return new CancelledError({ runId: this.runId, reason: this.state.cancel?.reason ?? null });
  }

  private close(): void {
    this.phase = 'closed';
    this.disarmTimer();
    this.inputs = [];
  }
}

const MAX_WAITS_SHOWN = 20;

function groupByPosition(
  history: readonly HistoryEvent[],
): ReadonlyMap<number, readonly HistoryEvent[]> {
  const groups = new Map<number, HistoryEvent[]>();
  for (const event of history) {
    if (event.position === null || event.type === 'recorded') continue;
    const group = groups.get(event.position);
    if (group === undefined) groups.set(event.position, [event]);
    else group.push(event);
  }
  return groups;
}
