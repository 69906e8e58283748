import type { Codec } from '../codec/codec.js';
import type { ResolvedRetryPolicy } from '../model/retry.js';
import type { RunRecord } from '../model/run.js';
import type { Coroutine } from '../replay/coroutine.js';
import type { Logger } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';
import type { StepDefinition } from './definition.js';

/** A workflow that a child can be started of: what the registry resolves a name or a class to. */
export interface ResolvedWorkflow {
  readonly name: string;
  readonly version: string;
}

/** What a `WorkflowCtx` needs of the engine around it. */
export interface ContextHost {
  readonly run: RunRecord;
  readonly coroutine: Coroutine;
  readonly codec: Codec;
  readonly retry: ResolvedRetryPolicy;
  readonly logger: Logger;
  /** Whether there is `ctx.transaction`. */
  readonly store: Pick<StateStore, 'name' | 'capabilities'>;
  /** The step that carries `@DurableStep` with this very function, if it is registered. */
  findStep(method: unknown): StepDefinition | undefined;
  /** @throws UnknownWorkflowError, InvalidArgumentError */
  resolveWorkflow(reference: unknown, version: string | undefined): ResolvedWorkflow;
}
