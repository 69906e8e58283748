import 'reflect-metadata';
import type { WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import { WORKFLOW_METADATA } from '../durable.tokens.js';

/** What `@Workflow` says of a class. */
export interface WorkflowOptions {
  /** What `start` and `ctx.child` call it. One name and version may be provided once. */
  readonly name: string;
  /** Runs stay on the version they were started with: change it when the order of operations changes. */
  readonly version: string;
  /** Marks the version that `start` takes when the caller names none; otherwise it is the highest. @default false */
  readonly default?: boolean;
}

/** A class whose instances can run a workflow. */
export type RunnableClass = abstract new (
  ...args: never[]
) => { run(ctx: WorkflowCtx, input: never): Promise<unknown> };

/**
 * Makes a provider a workflow: an ordinary singleton with a method `run(ctx, input)`. `DurableModule` finds it wherever
 * it is provided. Only records metadata.
 *
 * @example
 * \@Workflow({ name: 'checkout', version: '1' })
 * export class CheckoutWorkflow {
 *   async run(ctx: WorkflowCtx, order: Order) {}
 * }
 */
export function Workflow(options: WorkflowOptions): (target: RunnableClass) => void {
  return (target) => {
    Reflect.defineMetadata(WORKFLOW_METADATA, Object.freeze({ ...options }), target);
  };
}

/** The options of a class under `@Workflow`, or of the one it extends. */
export function workflowOptionsOf(value: unknown): WorkflowOptions | undefined {
  if (typeof value !== 'function') return undefined;
  return Reflect.getMetadata(WORKFLOW_METADATA, value) as WorkflowOptions | undefined;
}
