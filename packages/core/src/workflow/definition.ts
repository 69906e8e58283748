import type { AnyRemoteStep, StepContext, WorkflowCtx } from './context.js';

/** A workflow as registered with the engine. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly version: string;
  /** Marks the version that `start` takes when the caller names none. */
  readonly isDefault?: boolean;
  readonly run: (ctx: WorkflowCtx, input: never) => Promise<unknown>;
  /** The class that was decorated; `start` and `ctx.child` accept it in place of the name. */
  readonly token?: unknown;
  /** What error messages call it: the class's name. */
  readonly source: string;
}

/** A step handler as registered with the engine: local by reference, remote by its contract. */
export interface StepDefinition {
  readonly name: string;
  readonly contract?: AnyRemoteStep;
  readonly invoke: (input: never, step: StepContext) => Promise<unknown> | unknown;
  /** The method itself, by which `ctx.step(this.payments.charge, input)` finds it. */
  readonly token?: unknown;
  /** What error messages call it: `Class.method`. */
  readonly source: string;
}
