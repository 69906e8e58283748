import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { OperationGroup, OperationKind } from '../model/history.js';
import type { ResolvedStepOptions } from '../model/retry.js';
import type { ClosePolicy } from '../model/run.js';
import type { StepContext } from '../workflow/context.js';

/** What the code asks for, by kind. Everything in it is fixed at the call: inputs are encoded text. */
export type OperationRequest =
  | {
      readonly kind: 'step';
      readonly invoke: (step: StepContext) => unknown;
      readonly options: ResolvedStepOptions;
    }
  | {
      readonly kind: 'transaction';
      readonly invoke: (tx: unknown, step: StepContext) => unknown;
      readonly options: ResolvedStepOptions;
    }
  | {
      readonly kind: 'remote';
      readonly input: string;
      readonly options: ResolvedStepOptions;
      readonly output: StandardSchemaV1<unknown, unknown>;
      /** Set when the input does not fit the contract: the operation fails with it and nothing is dispatched. */
      readonly refused: Error | null;
    }
  | { readonly kind: 'sleep'; readonly durationMs: number | null; readonly untilMs: number | null }
  | {
      readonly kind: 'signal';
      readonly token: string;
      readonly timeoutMs: number | null;
      readonly schema: StandardSchemaV1<unknown, unknown> | null;
    }
  | {
      readonly kind: 'child';
      readonly start: ChildStart;
      readonly detached: boolean;
      /** Set when the child cannot be started: the operation fails with it. */
      readonly refused: Error | null;
    }
  | { readonly kind: 'childResult'; readonly childRunId: string };

/** A child run to be started. */
interface ChildStart {
  readonly runId: string | null;
  readonly workflow: string;
  readonly version: string;
  readonly input: string;
  readonly inputDigest: string;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly closePolicy: ClosePolicy;
}

/** One durable operation, from the call to its outcome. */
export interface Operation {
  readonly position: number;
  readonly name: string;
  readonly digest: string | null;
  /** `seq` of the outcome in whose window the code asked; 0 = the start. */
  readonly cause: number;
  readonly group: OperationGroup | null;
  readonly site: string | null;
  readonly request: OperationRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The kind under which an operation stands in history: waiting for a started child is a child operation too. */
export function recordedKind(request: OperationRequest): OperationKind {
  return request.kind === 'childResult' ? 'child' : request.kind;
}
