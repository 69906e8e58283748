/**
 * The part of the transport port for workflows whose code other processes have. The engine owns the run; the worker has
 * the coroutine and says what the code asks for. docs/protocol.md has the dialogue.
 *
 * RW1. One question at a time: the next turn of a line is asked for when the one before has been answered.
 * RW2. Nothing is asked twice. Who gets no answer gives the line up and begins another, with the whole history: what the
 *      worker has done by then is nothing but the running of pure code, and steps that it was asked for.
 */
import type { OperationGroup, OperationKind } from '../model/history.js';
import type { RemoteResult } from '../model/message.js';
import type { ClosePolicy } from '../model/run.js';

/** A workflow that somebody serves elsewhere. */
export interface ServedWorkflow {
  readonly name: string;
  readonly version: string;
}

/** The run that a line is of, and how far its history goes. */
export interface ActivationStart {
  readonly namespace: string;
  readonly runId: string;
  readonly branch: number;
  readonly workflow: string;
  readonly version: string;
  /** Encoded. */
  readonly input: string;
  readonly seed: string;
  /** Database time at which the body first ran. */
  readonly startedAt: number;
  readonly tags: readonly string[];
  readonly parentRunId?: string;
  /** `seq` of the last outcome in history; 0 = none. */
  readonly lastSeq: number;
  readonly maxPosition: number;
  readonly patches: readonly string[];
}

/** What the code is to see next. */
export type TurnOutcome =
  | {
      readonly outcome: 'settled';
      readonly seq: number;
      readonly at: number;
      readonly position: number;
      readonly kind: WorkflowOperationKind;
      readonly name: string;
      readonly ok: boolean;
      /** Encoded. */
      readonly payload: string;
    }
  | { readonly outcome: 'cancelRequested'; readonly seq: number; readonly at: number };

/** Kinds of operations that code elsewhere may ask for. */
export type WorkflowOperationKind = Extract<
  OperationKind,
  'step' | 'remote' | 'sleep' | 'signal' | 'child'
>;

/** The next outcomes, each to be given to the code in a window of its own. `start` comes with the first turn. */
export interface TurnRequest {
  readonly start?: ActivationStart;
  readonly outcomes: readonly TurnOutcome[];
}

/** Options of a step as they cross the wire: what is absent is the engine's default. */
export interface WireStepOptions {
  readonly maxAttempts?: number | undefined;
  readonly initialDelayMs?: number | undefined;
  readonly factor?: number | undefined;
  readonly maxDelayMs?: number | undefined;
  readonly jitter?: 'full' | 'none' | undefined;
  readonly timeoutMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
}

/** An operation as it crosses the wire. */
export type WireRequest =
  | { readonly kind: 'step'; readonly options: WireStepOptions }
  | { readonly kind: 'remote'; readonly input: string; readonly options: WireStepOptions }
  | {
      readonly kind: 'sleep';
      readonly durationMs?: number | undefined;
      readonly untilMs?: number | undefined;
    }
  | {
      readonly kind: 'signal';
      readonly token: string;
      readonly timeoutMs?: number | undefined;
    }
  | {
      readonly kind: 'child';
      readonly workflow: string;
      readonly version?: string | undefined;
      readonly runId?: string | undefined;
      readonly input: string;
      readonly tags?: readonly string[] | undefined;
      readonly priority?: number | undefined;
      readonly closePolicy?: ClosePolicy | undefined;
      readonly detached?: boolean | undefined;
    }
  | { readonly kind: 'childResult'; readonly runId: string };

/** What the code did in a window; `cause` is the window's `seq`. */
export type WireAsked =
  | {
      readonly ask: 'operation';
      readonly cause: number;
      readonly position: number;
      readonly name: string;
      readonly request: WireRequest;
      readonly group?: WireGroup | undefined;
      readonly site?: string | undefined;
    }
  | { readonly ask: 'patch'; readonly cause: number; readonly name: string }
  | { readonly ask: 'withdraw'; readonly cause: number; readonly position: number };

/** As `OperationGroup`, where an absent parent may be written down. */
export type WireGroup = Omit<OperationGroup, 'parent'> & {
  readonly parent?: OperationGroup['parent'] | undefined;
};

/** What the code did in a turn, all of it, whether history has it or not. */
export interface TurnAnswer {
  readonly asked: readonly WireAsked[];
  /** The position that the next operation takes. */
  readonly nextPosition: number;
  readonly end?: { readonly ok: boolean; readonly payload: string } | undefined;
  /** The code had not asked for what an outcome is of. */
  readonly mismatch?:
    | {
        readonly position: number;
        readonly asked?: { readonly kind: string; readonly name: string } | undefined;
      }
    | undefined;
  /** The code did what workflow code must not. */
  readonly broken?: string | undefined;
}

/** One attempt of a step whose function the worker has. */
export interface LineStep {
  readonly namespace: string;
  readonly runId: string;
  readonly branch: number;
  readonly position: number;
  readonly name: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
  /** Progress of the attempt before, encoded. */
  readonly progress: string | null;
  /** Asks the handler to stop; its real outcome is still waited for. */
  readonly signal: AbortSignal;
  /** The handler has reported progress, encoded. */
  readonly onProgress: (progress: string) => void;
}

/** The worker of a line is gone, or does not know it any more. */
export class LineLostError extends Error {
  override readonly name = 'LineLostError';
  /** Whether the worker has died, or stands still, as far as anybody knows: not when it has said goodbye. */
  readonly crashed: boolean;

  constructor(message: string, { crashed }: { readonly crashed: boolean }) {
    super(message);
    this.crashed = crashed;
  }
}

/** One activation of a run's code on one worker. */
export interface WorkflowLine {
  /** Rejects with `LineLostError`, and with nothing else. */
  turn(request: TurnRequest): Promise<TurnAnswer>;
  /** Runs one attempt. Rejects with `LineLostError`, and with nothing else. */
  step(step: LineStep): Promise<RemoteResult>;
  /** The engine needs it no more: no turn is answered after that, but steps that run go on to their end. */
  release(): void;
}

/** A transport's way to workflows of other processes. */
export interface RemoteWorkflows {
  /** Chooses a live worker that serves the workflow; undefined if there is none now. */
  open(workflow: ServedWorkflow): WorkflowLine | undefined;
}

/** A start or a signal, from a process without a database. The ids make a second one the same. */
export type ClientCall =
  | {
      readonly method: 'start';
      readonly workflow: string;
      readonly version?: string | undefined;
      readonly runId: string;
      /** Encoded. */
      readonly input: string;
      readonly tags?: readonly string[] | undefined;
      readonly priority?: number | undefined;
    }
  | {
      readonly method: 'signal';
      readonly token: string;
      readonly id: string;
      /** Encoded. */
      readonly payload: string;
    };
