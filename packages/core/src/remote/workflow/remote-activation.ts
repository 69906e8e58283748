/**
 * One run of a workflow's code that another process has: the counterpart of `Coroutine`. A window is a question to the
 * worker, or a part of one: recorded outcomes go many at a time, as their answers are known.
 *
 * T7. The worker gives outcomes to the code one at a time, in the order of history, and answers when nothing moves.
 * T8. The worker reports all that the code has asked for; the check against history is made here.
 *
 * When the worker is lost nothing is: the owner of the run begins another activation from history (RW2).
 */
import type { Codec } from '../../codec/codec.js';
import { idempotencyKey } from '../../decide/remote.js';
import {
  BrokenWorkflowError,
  DeterminismError,
  ForeignAwaitError,
  type OperationLabel,
  RemoteCrashError,
} from '../../errors/errors.js';
import type { ResolvedRetryPolicy } from '../../model/retry.js';
import type { RunRecord } from '../../model/run.js';
import type { Activation, Asked, BodyEnd, Settlement } from '../../replay/activation.js';
import { type Operation, recordedKind } from '../../replay/operation.js';
import { EMPTY_HISTORY, type RecordedHistory } from '../../replay/recorded.js';
import type { StepAttempt } from '../../run/step-losses.js';
import type {
  ActivationStart,
  TurnAnswer,
  TurnOutcome,
  TurnRequest,
  WireAsked,
  WorkflowLine,
  WorkflowOperationKind,
} from '../../transport/remote-workflows.js';
import { LineLostError } from '../../transport/remote-workflows.js';
import type { StepContext } from '../../workflow/context.js';
import type { ResolvedWorkflow } from '../../workflow/context-host.js';
import { type StepPlace, toOperation, type WireOperationHost } from './wire-operation.js';

/** What an activation elsewhere is made with. */
export interface RemoteActivationOptions {
  readonly run: RunRecord;
  readonly history: RecordedHistory | null;
  readonly codec: Codec;
  readonly retry: ResolvedRetryPolicy;
  /** A line to a worker that serves the workflow; undefined if there is none. */
  readonly open: () => WorkflowLine | undefined;
  /** @throws UnknownWorkflowError */
  readonly resolveWorkflow: (name: string, version: string | undefined) => ResolvedWorkflow;
  /** A question is under way until the promise has settled. */
  readonly follow: (exchange: Promise<void>) => void;
  /** Called at most once, when the code can no longer be trusted. */
  readonly onPoisoned: (error: Error) => void;
  /** Called at most once, when the code can no longer be reached. `unserved`: there is no worker for it. */
  readonly onLost: (reason: Error, unserved: boolean) => void;
  /** The outcome of a step that ran there will never be known. It may outlive the activation, as the run is loaded again. */
  readonly onStepLost: (reason: LineLostError, step: StepAttempt) => void;
  /** Workers that this attempt has lost so far. */
  readonly crashesOf: (step: StepAttempt) => number;
  /** How many it may lose. */
  readonly maxCrashes: number;
  /** Resolves when an attempt that has lost so many workers may begin; to what has to be called when it has ended. */
  readonly admit: (crashes: number) => Promise<() => void>;
}

/** A replay goes out in parts of about this size, in characters and in outcomes. */
const MAX_PART_LENGTH = 512 * 1024;
const MAX_PART_OUTCOMES = 500;

type Window = TurnOutcome | { readonly outcome: 'start'; readonly seq: 0 };

export class RemoteActivation implements Activation {
  readonly isHere = false;
  readonly pending = new Map<number, Operation>();
  private readonly options: RemoteActivationOptions;
  private readonly history: RecordedHistory;
  private readonly operations: WireOperationHost;
  private line: WorkflowLine | undefined;
  private part: TurnOutcome[] = [];
  private partLength = 0;
  private replayed = 0;
  private asked: Asked[] = [];
  private nextPosition = 1;
  private lastDelivered = 'the start';
  private bodyEnd: BodyEnd | null = null;
  private state: 'open' | 'poisoned' | 'lost' | 'closed' = 'open';

  constructor(options: RemoteActivationOptions) {
    this.options = options;
    this.history = options.history ?? EMPTY_HISTORY;
    this.operations = {
      retry: options.retry,
      resolveWorkflow: options.resolveWorkflow,
      runStep: (place, step) => this.runStep(place, step),
    };
  }

  get end(): BodyEnd | null {
    return this.bodyEnd;
  }

  get position(): number {
    return this.nextPosition;
  }

  /** The connection of a transaction is the engine's: code elsewhere has none. */
  transactionAt(): undefined {
    return undefined;
  }

  start(_body: () => Promise<unknown>, done: () => void): void {
    this.goOn(done);
  }

  deliver(seq: number, at: number, settlement: Settlement, done: () => void): void {
    const { position, kind, name, ok, payload } = settlement;
    this.lastDelivered = `${kind} '${name}' (position ${position})`;
    this.partLength += payload.length;
    // Only these have been asked for: others do not settle.
    const known = kind as WorkflowOperationKind;
    this.part.push({ outcome: 'settled', seq, at, position, kind: known, name, ok, payload });
    this.replayed += 1;
    this.goOn(done);
  }

  deliverCancel(seq: number, at: number, done: () => void): void {
    this.lastDelivered = 'the cancel request';
    this.part.push({ outcome: 'cancelRequested', seq, at });
    this.replayed += 1;
    this.goOn(done);
  }

  takeAsked(): readonly Asked[] {
    const { asked } = this;
    this.asked = [];
    return asked;
  }

  close(): void {
    if (this.state !== 'closed') this.line?.release();
    this.state = 'closed';
  }

  private get isReplaying(): boolean {
    return this.replayed < this.history.outcomes.length;
  }

  // ---- questions -------------------------------------------------------------------------------------------------

  /** Asks the worker, unless more of the replay can go out with it. */
  private goOn(done: () => void): void {
    const isFull = this.part.length >= MAX_PART_OUTCOMES || this.partLength >= MAX_PART_LENGTH;
    if (this.isReplaying && !isFull) queueMicrotask(done);
    else this.options.follow(this.exchange(done));
  }

  private async exchange(done: () => void): Promise<void> {
    const isFirst = this.line === undefined;
    const line = this.line ?? this.options.open();
    if (line === undefined) {
      const { workflow, version } = this.options.run;
      const message = `Nobody serves workflow '${workflow}' ${version} now.`;
      this.lose(new LineLostError(message, { crashed: false }), true);
      return;
    }
    this.line = line;
    const outcomes = this.part;
    this.part = [];
    this.partLength = 0;
    const request: TurnRequest = isFirst ? { start: this.startFacts(), outcomes } : { outcomes };
    const windows: Window[] = isFirst ? [{ outcome: 'start', seq: 0 }, ...outcomes] : outcomes;
    try {
      const answer = await line.turn(request);
      if (this.state !== 'open') return;
      this.take(answer, windows);
    } catch (error) {
      this.lose(error instanceof Error ? error : new Error(String(error)), false);
      return;
    }
    done();
  }

  private startFacts(): ActivationStart {
    const { run } = this.options;
    const { outcomes, maxPosition, patches } = this.history;
    return {
      namespace: run.namespace,
      runId: run.id,
      branch: run.branch,
      workflow: run.workflow,
      version: run.version,
      input: run.input,
      seed: run.seed,
      startedAt: run.startedAt ?? run.createdAt,
      tags: run.tags,
      ...(run.parent === null ? {} : { parentRunId: run.parent.runId }),
      lastSeq: outcomes.at(-1)?.seq ?? 0,
      maxPosition,
      patches: [...patches],
    };
  }

  private async runStep(
    { position, name, timeoutMs, heartbeatTimeoutMs }: StepPlace,
    step: StepContext,
  ): Promise<unknown> {
    const { run, codec, admit, crashesOf, maxCrashes } = this.options;
    const { line } = this;
    if (line === undefined) return never();
    const at = { position, attempt: step.attempt };
    const crashes = crashesOf(at);
    if (crashes >= maxCrashes)
      throw new RemoteCrashError({ step: name, attempt: step.attempt, crashes });
    const leave = await admit(crashes);
    try {
      const { ok, payload } = await line.step({
        namespace: run.namespace,
        runId: run.id,
        branch: run.branch,
        ...{ position, name, timeoutMs, heartbeatTimeoutMs },
        attempt: step.attempt,
        idempotencyKey: idempotencyKey({ run }, position),
        progress: step.progress === undefined ? null : codec.encode(step.progress),
        signal: step.signal,
        onProgress: (progress) => step.heartbeat(codec.decode(progress) as never),
      });
      if (ok) return codec.decode(payload);
      throw codec.decodeError(payload);
    } catch (error) {
      if (!(error instanceof LineLostError)) throw error;
      // No failure of the step: it runs again, as the same attempt, where the code is by then.
      this.options.onStepLost(error, at);
      return never();
    } finally {
      leave();
    }
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  private take(answer: TurnAnswer, windows: readonly Window[]): void {
    const { mismatch, broken, end } = answer;
    if (broken !== undefined) {
      this.poison(this.broken(broken));
      return;
    }
    if (mismatch !== undefined) {
      const { asked } = mismatch;
      this.mismatch(mismatch.position, asked === undefined ? null : { ...asked, digest: null });
      return;
    }
    let next = 0;
    for (const window of windows) {
      const upTo = endOfWindow(answer.asked, next, window.seq);
      this.takeWindow(window, answer.asked.slice(next, upTo));
      next = upTo;
      if (this.state !== 'open') return;
    }
    const last = answer.asked.length;
    if (next < last || answer.nextPosition < this.nextPosition) {
      this.poison(this.broken('The answer of its worker is out of order.'));
      return;
    }
    this.nextPosition = answer.nextPosition;
    if (end !== undefined) this.bodyEnd = this.decodeEnd(end);
    else if (this.pending.size === 0 && !this.isReplaying) this.stall();
  }

  private takeWindow(window: Window, asked: readonly WireAsked[]): void {
    if (window.outcome === 'settled' && !this.settle(window)) return;
    let recorded = 0;
    for (const ask of asked) {
      switch (ask.ask) {
        case 'operation':
          if (this.takeOperation(ask)) recorded += 1;
          break;
        case 'patch':
          if (!this.history.patches.has(ask.name))
            this.asked.push({ note: 'patch', name: ask.name });
          break;
        case 'withdraw':
          this.withdraw(ask.position);
          break;
        default:
          ask satisfies never;
      }
      if (this.state !== 'open') return;
    }
    if (recorded < (this.history.askedBy.get(window.seq) ?? 0)) this.missing(window.seq);
  }

  /** The worker has looked at it too; an engine trusts no answer. */
  private settle({ position, kind, name }: Extract<Window, { outcome: 'settled' }>): boolean {
    const operation = this.pending.get(position);
    if (operation === undefined) this.mismatch(position, null);
    else if (recordedKind(operation.request) !== kind || operation.name !== name)
      this.mismatch(position, labelOf(operation));
    return this.pending.delete(position) && this.state === 'open';
  }

  /** True if history has it. */
  private takeOperation(ask: Extract<WireAsked, { ask: 'operation' }>): boolean {
    const operation = this.read(ask);
    if (operation === null) return false;
    const { position } = operation;
    this.nextPosition = position + 1;
    const recorded = this.history.operations.get(position);
    this.pending.set(position, operation);
    if (recorded === undefined) this.asked.push({ note: 'operation', operation });
    const { request } = operation;
    if (request.kind === 'signal') this.supersede(position, request.token);
    if (recorded === undefined) return false;
    const asked = labelOf(operation);
    const same =
      recorded.kind === asked.kind &&
      recorded.name === asked.name &&
      recorded.digest === asked.digest &&
      recorded.cause === operation.cause;
    if (!same) this.mismatch(position, asked);
    return same;
  }

  private read(ask: Extract<WireAsked, { ask: 'operation' }>): Operation | null {
    if (ask.position < this.nextPosition) {
      this.poison(this.broken(`Position ${ask.position} was asked for twice.`));
      return null;
    }
    try {
      return toOperation(ask, this.operations);
    } catch (error) {
      this.poison(this.broken(error instanceof Error ? error.message : String(error)));
      return null;
    }
  }

  private withdraw(position: number): void {
    const operation = this.pending.get(position);
    if (operation === undefined) return;
    this.pending.delete(position);
    this.asked.push({ note: 'withdraw', operation });
  }

  /** A newer wait on a token takes the place of the run's older one, which will have no outcome (ruling 9). */
  private supersede(newer: number, token: string): void {
    for (const { position, request } of [...this.pending.values()]) {
      if (request.kind === 'signal' && request.token === token && position < newer)
        this.withdraw(position);
    }
  }

  private decodeEnd({ ok, payload }: { readonly ok: boolean; readonly payload: string }): BodyEnd {
    const { codec } = this.options;
    try {
      if (ok) return { ok, value: codec.decode(payload) };
      return { ok, error: codec.decodeError(payload) };
    } catch (error) {
      return { ok: false, error };
    }
  }

  // ---- ends ------------------------------------------------------------------------------------------------------

  private missing(seq: number): void {
    const missing = [...this.history.operations.values()].find(
      ({ cause, position }) => cause === seq && position >= this.nextPosition,
    );
    this.mismatch(missing?.position ?? this.nextPosition, null);
  }

  private stall(): void {
    const { id: runId, workflow } = this.options.run;
    const found = { runId, workflow, symptom: 'stalled', after: this.lastDelivered } as const;
    this.poison(new ForeignAwaitError(found));
  }

  private mismatch(position: number, asked: OperationLabel | null): void {
    const { id: runId, workflow } = this.options.run;
    const found = this.history.operations.get(position);
    const recorded =
      found === undefined ? null : { kind: found.kind, name: found.name, digest: found.digest };
    this.poison(new DeterminismError({ runId, workflow, position, recorded, asked }));
  }

  private broken(what: string): Error {
    const { id: runId, workflow } = this.options.run;
    return new BrokenWorkflowError({ runId, workflow, what });
  }

  private poison(error: Error): void {
    if (this.state !== 'open') return;
    this.state = 'poisoned';
    this.pending.clear();
    this.asked = [];
    this.options.onPoisoned(error);
  }

  private lose(reason: Error, unserved: boolean): void {
    if (this.state !== 'open') return;
    this.state = 'lost';
    this.options.onLost(reason, unserved);
  }
}

/** Of code that is somewhere else by now. */
function never(): Promise<never> {
  return new Promise<never>(() => {});
}

function labelOf({ request, name, digest }: Operation): OperationLabel {
  return { kind: recordedKind(request), name, digest };
}

/** Where the answer's next window begins. */
function endOfWindow(asked: readonly WireAsked[], from: number, seq: number): number {
  let at = from;
  while (asked[at]?.cause === seq) at += 1;
  return at;
}
