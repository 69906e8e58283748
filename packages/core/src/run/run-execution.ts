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
 * - A run that was cancelled is not let go before the handlers of its remote attempts were asked to stop: if this process
 *   dies until then, the next owner asks them.
 * - **T7** One window at a time: an outcome is delivered when the window before it has shut.
 *
 * Life: `replaying → live ⇄ parked → closed`. Parked = suspended in the store, kept here as a cache (semantics.md, 2).
 */
import { nextChildResult } from '../decide/arrivals.js';
import { nextRejection, type RecordedCancel, takeCancel, tasksToStop } from '../decide/cancel.js';
import { awakeUntil, cancelledBeforeStart, decideChange } from '../decide/change.js';
import { nextDue, nextWakeAt } from '../decide/due.js';
import { restoreFacts, restoreOperation } from '../decide/restore.js';
import { RunState } from '../decide/run-state.js';
import { type Immediate, schedule } from '../decide/schedule.js';
import type { Delivery } from '../decide/settlement.js';
import type { TurnDraft } from '../decide/turn-draft.js';
import { withdraw } from '../decide/withdraw.js';
import { CancelledError, LeaseLostError } from '../errors/errors.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival, RemoteResult } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import type { RunChange, Turn } from '../model/turn.js';
import { type Activation, type Asked, NO_CODE } from '../replay/activation.js';
import { recordedKind } from '../replay/operation.js';
import { arrangeHistory } from '../replay/recorded.js';
import type { CommitEnd } from '../store/state-store.js';
import { CodeLoss } from './code-loss.js';
import type { BoundCode, ExecutionHost } from './execution-host.js';
import { Intake, offerKey } from './intake.js';
import { type EndedAttempt, LocalAttempts } from './local-attempts.js';
import type { LocalStepRunner } from './local-step.js';
import { Offers } from './offers.js';
import { type Decoded, groupByPosition, replayHistory } from './replay-history.js';
import { type Input, type Taken, takeInput } from './take-input.js';

type Phase = 'replaying' | 'live' | 'releasing' | 'parked' | 'closed';

export class RunExecution {
  readonly runId: string;
  private readonly host: ExecutionHost;
  private run: RunRecord;
  private state: RunState;
  private code: Activation = NO_CODE;
  private phase: Phase = 'replaying';
  private inputs: Input[] = [];
  /** What arrived during a replay. */
  private held: Arrival[] = [];
  /** Ends of local attempts that are not durable yet: a reload has to deliver them again. */
  private readonly unrecorded = new Map<number, EndedAttempt>();
  private readonly local: LocalAttempts;
  private readonly intake: Intake;
  /** Requests to handlers to stop that are on their way. */
  private asking = 0;
  private delivering = false;
  private committing = false;
  /** Why the run is being blocked, from the moment that is known. */
  private blockedBy: Error | null = null;
  private readonly codeLoss = new CodeLoss();
  private readonly offers = new Offers();
  private timeReached = 0;
  private stopTimer: (() => void) | null = null;

  constructor(host: ExecutionHost, run: RunRecord) {
    this.host = host;
    this.runId = run.id;
    this.run = run;
    this.state = this.newState();
    this.local = new LocalAttempts({
      runnerOf: (kind) => this.runnerOf(kind),
      transact: (attempt, gate) => host.transact({ ...this.owner(), ...attempt }, gate),
      onEnded: (ended) => this.stepEnded(ended),
      onCommitted: (checkpoint) => this.transactionCommitted(checkpoint),
      onFenced: () => this.drop(new LeaseLostError(this.owner())),
    });
    this.intake = new Intake({
      codec: host.decideEnv.codec,
      operationAt: (position) => this.state.waiting.get(position)?.operation,
      onChecking: (position) => this.holdDeadline(position),
      onChecked: (arrival, later) => {
        this.inputs.push({ input: 'arrival', arrival });
        if (later) this.pump();
      },
    });
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

  /** Whether it is this very run: an id may be used again after a delete, the seed is not. */
  isSameRun({ seed }: RunRecord): boolean {
    return seed === this.run.seed;
  }

  /** Whether the kept coroutine is the run as it was claimed: nobody else has owned it since it was suspended. */
  canResume(run: RunRecord): boolean {
    return (
      this.phase === 'parked' &&
      this.isSameRun(run) &&
      run.epoch === this.run.epoch + 1 &&
      run.branch === this.run.branch
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
    this.intake.take(arrivals);
    this.pump();
  }

  /**
   * Takes the result of a remote attempt that this process has sent. Resolves when the turn that it leads to is durable;
   * to false if the run does not take it, or has forgotten it: it has to come by the inbox then.
   */
  offer(taskId: string, position: number, result: RemoteResult): Promise<boolean> {
    const waiting = this.state.waiting.get(position);
    const isAwaited =
      this.phase === 'live' &&
      waiting?.is === 'remote' &&
      waiting.taskId === taskId &&
      waiting.attempt === result.attempt;
    if (!isAwaited || this.offers.has(taskId)) return Promise.resolve(false);
    const taken = this.offers.make(taskId);
    const body = { kind: 'remote', position, result } as const;
    this.receive([{ type: 'inbox', messageId: offerKey(taskId), body, taskId }]);
    return taken;
  }

  /** Gives the run up without a word to the store: somebody else has it, or the process stops. */
  drop(reason: Error): void {
    if (this.phase === 'closed') return;
    this.close(reason);
    this.host.onClosed(this);
  }

  // ---- the code --------------------------------------------------------------------------------------------------

  private newState(): RunState {
    return new RunState(this.run, this.host.decideEnv);
  }

  /** The code of the run, at its top; null if there is none, which blocks the run. */
  private activate(history: readonly HistoryEvent[]): BoundCode | null {
    const { run, host } = this;
    let activation: Activation | null = null;
    const isCurrent = () => activation === this.code;
    try {
      const bound = host.activate({
        run,
        history: history.length === 0 ? null : arrangeHistory(history),
        onPoisoned: (error) => {
          if (isCurrent()) this.onPoisoned(error);
        },
        onLost: (reason, unserved) => {
          if (isCurrent()) this.onLost(reason, unserved);
        },
        onStepLost: (reason, step) => {
          this.codeLoss.steps.note(reason, step);
          this.onLost(reason, false);
        },
        crashesOf: (step) => this.codeLoss.steps.of(step),
      });
      activation = bound.activation;
      return bound;
    } catch (error) {
      this.block(asError(error));
      return null;
    }
  }

  private replay(history: readonly HistoryEvent[], arrivals: readonly Arrival[]): void {
    this.phase = 'replaying';
    this.held.push(...arrivals);
    const state = this.newState();
    this.state = state;
    restoreFacts(state, history);
    this.code.close();
    this.code = NO_CODE;
    const bound = this.activate(history);
    if (bound === null) return;
    const code = bound.activation;
    this.code = code;
    replayHistory({
      code,
      state,
      history,
      start: bound.body,
      decode: (payload, ok) => this.decode(payload, ok),
      isCurrent: () => this.code === code && this.phase === 'replaying',
      done: () => this.goLive(history),
    });
  }

  /** The body stands where history ends: what it still waits for is put in place, and what it asked for is new. */
  private goLive(history: readonly HistoryEvent[]): void {
    this.phase = 'live';
    const asked = this.code.takeAsked();
    const fresh = new Set(asked.map((ask) => (ask.note === 'operation' ? ask.operation : null)));
    const events = groupByPosition(history);
    for (const operation of this.code.pending.values()) {
      if (fresh.has(operation)) continue;
      this.settleLater(
        restoreOperation(this.state, operation, events.get(operation.position) ?? []),
      );
    }
    this.askToStop(tasksToStop(this.state));
    this.takeAll(asked);
    this.local.rejoin(this.state);
    const { held } = this;
    this.held = [];
    this.receive(held);
  }

  private settleLater(immediate: Immediate | null): void {
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
    // What comes after the end is for nobody, unless the code cleans up after a cancel.
    if (this.code.end !== null && this.state.cancel === null) return null;
    if (this.blockedBy !== null) return null;
    const input = this.inputs.shift();
    if (input !== undefined) return this.take(input);
    return (
      nextChildResult(this.state) ??
      nextDue(this.state, this.timeReached) ??
      nextRejection(this.state, this.timeReached)
    );
  }

  private take(input: Input): Delivery | 'again' {
    if (input.input === 'attempt') this.unrecorded.set(input.ended.position, input.ended);
    const result = this.tryTake(input);
    if (result === null) return 'again';
    if (result.taken === 'delivery') return result.delivery;
    if (result.taken === 'cancel') this.deliverCancel(result.cancel);
    if (input.input === 'arrival') this.notTaken(result, input.arrival.arrival);
    return 'again';
  }

  private notTaken({ taken }: Taken, arrival: Arrival): void {
    if (taken === 'refused') this.intake.giveBack(arrival);
    if (arrival.type !== 'inbox' || arrival.taskId === undefined) return;
    if (!this.state.draft.endedTasks.includes(arrival.taskId))
      this.offers.end(arrival.taskId, false);
  }

  /** What cannot be decoded blocks the run: it needs a deploy, and harms no other run. */
  private tryTake(input: Input): Taken | null {
    try {
      return takeInput(this.state, input, this.code);
    } catch (error) {
      this.block(asError(error));
      return null;
    }
  }

  private deliverCancel({ seq, at, reason }: RecordedCancel): void {
    this.delivering = true;
    this.local.abortAll(this.stopReason(reason));
    const { code } = this;
    code.deliverCancel(seq, at, () => this.afterWindow(code));
  }

  private deliver(delivery: Delivery): void {
    const { waiting, seq, at, ok, payload } = delivery;
    const { position, name, request } = waiting.operation;
    const decoded = this.decode(payload, ok);
    if (decoded === null) return;
    this.delivering = true;
    const settlement = { position, kind: recordedKind(request), name, ok, payload, ...decoded };
    const { code } = this;
    code.deliver(seq, at, settlement, () => this.afterWindow(code));
  }

  private afterWindow(code: Activation): void {
    if (code !== this.code) return;
    this.delivering = false;
    if (this.phase !== 'live') return;
    this.takeAll(this.code.takeAsked());
    this.pump();
  }

  /** Takes what the code asked for in one window into the draft, in its order. */
  private takeAll(asked: readonly Asked[]): void {
    for (const ask of asked) {
      switch (ask.note) {
        case 'operation':
          this.settleLater(schedule(this.state, ask.operation));
          break;
        case 'withdraw':
          withdraw(this.state, ask.operation);
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

  // ---- commit ----------------------------------------------------------------------------------------------------

  private commit(): void {
    if (this.committing || this.phase !== 'live' || this.blockedBy !== null) return;
    const { end } = this.code;
    const mayBeSuspended = !this.intake.isBusy && !this.hasToAsk;
    const change = decideChange(this.state, end, this.timeReached, mayBeSuspended);
    if (change === null && this.state.draft.isEmpty) {
      this.startEffects(this.state.takeDraft());
      this.armTimer();
      return;
    }
    const draft = this.state.takeDraft();
    this.send(draft, change);
  }

  /** Whether handlers that a cancel of the run waits for are still to be asked to stop. */
  private get hasToAsk(): boolean {
    const { cancel, draft } = this.state;
    return cancel !== null && (this.asking > 0 || draft.cancelledTasks.length > 0);
  }

  private askToStop(taskIds: readonly string[]): void {
    if (taskIds.length === 0) return;
    this.asking += 1;
    void this.host.stopTasks(taskIds).then(() => {
      this.asking -= 1;
      this.pump();
    });
  }

  private send(draft: TurnDraft, change: RunChange | null): void {
    this.committing = true;
    if (change !== null) this.phase = 'releasing';
    this.disarmTimer();
    const turn = draft.toTurn({ ...this.owner(), namespace: this.run.namespace }, change);
    this.host.commit(turn, (result, error) => this.acknowledge(turn, draft, result, error));
  }

  /** In whose name this execution writes (T2). */
  private owner(): Pick<Turn, 'runId' | 'branch' | 'worker' | 'epoch'> {
    const { id: runId, branch, epoch } = this.run;
    return { runId, branch, worker: this.worker, epoch };
  }

  private acknowledge(
    turn: Turn,
    draft: TurnDraft,
    result: CommitEnd | undefined,
    error: unknown,
  ): void {
    this.committing = false;
    if (this.phase === 'closed') return;
    if (result === undefined) {
      this.drop(asError(error));
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

  private committed(turn: Turn, draft: TurnDraft, result: CommitEnd): void {
    this.forget(turn);
    this.host.onCommitted(this.run, turn, draft);
    this.askToStop(draft.cancelledTasks);
    this.host.onWoken(result.woken);
    this.stopAttempts(draft);
    if (this.blockedBy !== null && turn.change?.to !== 'blocked') {
      this.committedBeforeBlock(turn, this.blockedBy);
    } else if (turn.change === null) {
      this.codeLoss.progressed();
      if (this.codeLoss.loss !== null) {
        this.goElsewhere();
        return;
      }
      this.startEffects(draft);
      this.pump();
    } else if (turn.change.to === 'suspended') {
      this.phase = 'parked';
      this.unrecorded.clear();
      this.host.onParked(this);
      if (this.codeLoss.loss !== null) this.drop(this.codeLoss.loss.reason);
    } else {
      this.close(this.stopReason('the run has ended'));
      this.host.onClosed(this);
    }
  }

  /** The turn was on its way when the run was blocked: if it has let the run go, the next claim meets the same error. */
  private committedBeforeBlock({ change }: Turn, error: Error): void {
    if (change === null) this.sendBlocked(error);
    else this.drop(error);
  }

  /** What the turn has made durable needs no second delivery. */
  private forget(turn: Turn): void {
    this.intake.committed(turn);
    for (const taskId of turn.endedTasks) this.offers.end(taskId, true);
    if (this.unrecorded.size === 0) return;
    for (const { position } of turn.events) if (position !== null) this.unrecorded.delete(position);
  }

  private stopAttempts({ stops }: TurnDraft): void {
    for (const position of stops) {
      this.local.drop(position, this.stopReason('nothing waits for this step any more'));
    }
  }

  private startEffects(draft: TurnDraft): void {
    if (draft.starts.length === 0 || !this.host.mayStartSteps()) return;
    if (this.code.end !== null && this.state.cancel === null) return;
    for (const position of draft.starts) this.local.start(this.state, position);
  }

  /** A payload that came in time is being checked: its wait cannot time out over that. */
  private holdDeadline(position: number): void {
    const waiting = this.state.waiting.get(position);
    if (waiting?.is === 'signal') this.state.waiting.set(position, { ...waiting, at: null });
  }

  private stepEnded(ended: EndedAttempt): void {
    if (this.phase === 'closed') return;
    this.inputs.push({ input: 'attempt', ended });
    this.pump();
  }

  /** Its checkpoint is in the inbox, and may have been received by another way. */
  private transactionCommitted(checkpoint: Arrival): void {
    if (checkpoint.type !== 'inbox' || checkpoint.body.kind !== 'transaction') return;
    const { position } = checkpoint.body;
    if (this.phase === 'live' && !this.state.waiting.has(position)) return;
    this.receive([checkpoint]);
  }

  // ---- time ------------------------------------------------------------------------------------------------------

  /** A run that stays resident needs a timer of its own for what is due before anything else happens. */
  private armTimer(): void {
    this.disarmTimer();
    const wakeAt = this.nextLook();
    if (wakeAt === null || this.phase !== 'live') return;
    this.stopTimer = this.host.startTimer(wakeAt, () => {
      this.timeReached = Math.max(this.timeReached, wakeAt);
      this.pump();
    });
  }

  private nextLook(): number | null {
    const wakeAt = nextWakeAt(this.state);
    const sleepAt = awakeUntil(this.state);
    if (sleepAt <= this.timeReached) return wakeAt;
    return wakeAt === null ? sleepAt : Math.min(wakeAt, sleepAt);
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
    const change = cancelledBeforeStart(this.state);
    this.send(this.state.takeDraft(), change);
    return true;
  }

  /** What was delivered is not what is durable: replays from the store, and delivers what only this process knows. */
  private reload(): void {
    this.phase = 'replaying';
    const unrecorded = [...this.unrecorded.values()].map(
      (ended) => ({ input: 'attempt', ended }) as const,
    );
    this.inputs = [...unrecorded, ...this.inputs.filter(({ input }) => input === 'attempt')];
    this.intake.reset();
    this.offers.refuseAll();
    this.held = [];
    this.blockedBy = null;
    this.codeLoss.clear();
    this.delivering = false;
    this.host.reload(this.run, (history, arrivals) => {
      if (this.phase !== 'replaying') return;
      this.replay(history, arrivals);
    });
  }

  /** The run cannot go on with this code. What it has come to until here is true, and commits with the block. */
  private block(error: Error): void {
    if (this.phase === 'closed' || this.blockedBy !== null) return;
    this.blockedBy = error;
    this.inputs = [];
    this.offers.refuseAll();
    this.local.dropAll(error);
    if (!this.committing) this.sendBlocked(error);
  }

  private sendBlocked(error: Error): void {
    this.phase = 'live';
    this.host.onBlocked(this.run, error);
    const { codec } = this.host.decideEnv;
    const change = {
      to: 'blocked',
      reason: error.message,
      error: codec.encodeError(error),
    } as const;
    this.send(this.state.takeDraft(), change);
  }

  /**
   * The code is elsewhere, and can no longer be reached there. What it has been given and what it has asked for since the
   * last turn is forgotten: the outcomes are in the store, or in `unrecorded`, and pure code will ask for the same again.
   */
  private onLost(reason: Error, unserved: boolean): void {
    if (this.phase === 'closed') return;
    if (this.phase === 'parked') {
      this.drop(reason);
      return;
    }
    this.codeLoss.note({ reason, unserved });
    // Nothing reaches the code, and nothing is committed, until there is other code.
    this.delivering = true;
    this.local.dropAll(reason);
    if (!this.committing) this.goElsewhere();
  }

  private goElsewhere(): void {
    const unserved = this.codeLoss.loss?.unserved === true;
    this.codeLoss.clear();
    this.phase = 'replaying';
    this.disarmTimer();
    // Outcomes that only this process knows are kept for a worker that may come.
    if (unserved && this.unrecorded.size === 0) {
      this.host.onUnserved(this);
      return;
    }
    const at = this.host.decideEnv.now() + this.codeLoss.nextPauseMs();
    this.stopTimer = this.host.startTimer(at, () => {
      this.stopTimer = null;
      if (this.phase === 'replaying') this.reload();
    });
  }

  /** Where steps of this run are counted: those of code that is elsewhere run there. */
  private runnerOf(kind: 'step' | 'transaction'): LocalStepRunner {
    const { transactions, localSteps, elsewhereSteps } = this.host;
    if (kind === 'transaction') return transactions;
    return this.code.isHere ? localSteps : elsewhereSteps;
  }

  private decode(payload: string, ok: boolean): Decoded {
    const { codec } = this.host.decideEnv;
    try {
      return { value: ok ? codec.decode(payload) : codec.decodeError(payload) };
    } catch (error) {
      this.block(asError(error));
      return null;
    }
  }

  private stopReason(reason: string | null): CancelledError {
    return new CancelledError({ runId: this.runId, reason });
  }

  private close(reason: Error): void {
    this.phase = 'closed';
    this.disarmTimer();
    this.inputs = [];
    this.local.dropAll(reason);
    this.offers.refuseAll();
    this.code.close();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
