/** From what code elsewhere asks for to an operation of the engine. Refuses what the engine's own `ctx` would refuse. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { inputDigest } from '../../codec/digest.js';
import { defined } from '../../model/defined.js';
import type { OperationGroup } from '../../model/history.js';
import { requireName, requireRunId, requireToken } from '../../model/ids.js';
import type { ResolvedRetryPolicy, ResolvedStepOptions } from '../../model/retry.js';
import type { Operation, OperationRequest } from '../../replay/operation.js';
import type {
  WireAsked,
  WireGroup,
  WireRequest,
  WireStepOptions,
} from '../../transport/remote-workflows.js';
import type { StepContext, StepOptions } from '../../workflow/context.js';
import type { ResolvedWorkflow } from '../../workflow/context-host.js';
import { parseDuration } from '../../workflow/duration.js';
import { resolveStepOptions } from '../../workflow/step-options.js';

/** What operations are made with. */
export interface WireOperationHost {
  readonly retry: ResolvedRetryPolicy;
  /** @throws UnknownWorkflowError */
  resolveWorkflow(name: string, version: string | undefined): ResolvedWorkflow;
  /** Runs one attempt of the step at a position, where the code is. */
  runStep(at: StepPlace, step: StepContext): Promise<unknown>;
}

/** Which step, and its limits, which the worker keeps. */
export interface StepPlace {
  readonly position: number;
  readonly name: string;
  readonly timeoutMs: number | null;
  readonly heartbeatTimeoutMs: number | null;
}

type WireOperation = Extract<WireAsked, { ask: 'operation' }>;

/** The worker has checked it: the engine does not know the contract. */
const ANY_VALUE: StandardSchemaV1<unknown, unknown> = {
  '~standard': { version: 1, vendor: 'nestjs-durable', validate: (value) => ({ value }) },
};

function nothing(): void {}

/** @throws InvalidArgumentError, CodecError naming what cannot be */
export function toOperation(asked: WireOperation, host: WireOperationHost): Operation {
  const { position, cause, group, site } = asked;
  const name = requireOperationName(asked);
  const { request, digest } = toRequest(asked, host);
  return {
    ...{ position, name, digest, cause, request, site: site ?? null },
    group: group === undefined ? null : toGroup(group),
    resolve: nothing,
    reject: nothing,
  };
}

function toGroup({ id, mode, name, branch, parent }: WireGroup): OperationGroup {
  const own = { id, mode, name, branch };
  return parent === undefined ? own : { ...own, parent };
}

/** Two names stand in history for what asks for nothing by name. */
function requireOperationName({ name, request }: WireOperation): string {
  return request.kind === 'signal' ? requireToken(name, 'signal') : requireName(name, 'name');
}

interface Requested {
  readonly request: OperationRequest;
  readonly digest: string | null;
}

function toRequest({ position, name, request }: WireOperation, host: WireOperationHost): Requested {
  switch (request.kind) {
    case 'step': {
      const { retry, timeoutMs, heartbeatTimeoutMs } = toOptions(request.options, host);
      const place = { position, name, timeoutMs, heartbeatTimeoutMs };
      const invoke = (step: StepContext) => host.runStep(place, step);
      const options = { retry, timeoutMs: null, heartbeatTimeoutMs: null };
      return { request: { kind: 'step', invoke, options }, digest: null };
    }
    case 'remote': {
      const { input } = request;
      const options = toOptions(request.options, host);
      const remote = { kind: 'remote', input, options, output: ANY_VALUE, refused: null } as const;
      return { request: remote, digest: inputDigest(input) };
    }
    case 'sleep':
      return { request: toSleep(request), digest: null };
    case 'signal': {
      const timeoutMs =
        request.timeoutMs === undefined ? null : parseDuration(request.timeoutMs, 'timeout');
      const token = requireToken(request.token, 'signal');
      return { request: { kind: 'signal', token, timeoutMs, schema: null }, digest: null };
    }
    case 'child':
      return toChild(request, host);
    case 'childResult': {
      const childRunId = requireRunId(request.runId, 'runId');
      const digest = inputDigest(JSON.stringify(childRunId));
      return { request: { kind: 'childResult', childRunId }, digest };
    }
    default:
      return request satisfies never;
  }
}

function toSleep({
  durationMs,
  untilMs,
}: Extract<WireRequest, { kind: 'sleep' }>): OperationRequest {
  if (untilMs !== undefined) return { kind: 'sleep', durationMs: null, untilMs };
  return { kind: 'sleep', durationMs: parseDuration(durationMs ?? 0, 'duration'), untilMs: null };
}

function toChild(
  request: Extract<WireRequest, { kind: 'child' }>,
  host: WireOperationHost,
): Requested {
  const { input, runId, tags = [], priority = 0, closePolicy = 'cancel', detached } = request;
  const digest = inputDigest(input);
  const target = resolveChild(request, host);
  const start = {
    runId: runId === undefined ? null : requireRunId(runId, 'runId'),
    workflow: request.workflow,
    version: target.version,
    ...{ input, inputDigest: digest, tags, priority, closePolicy },
  };
  const { refused } = target;
  return { request: { kind: 'child', start, detached: detached === true, refused }, digest };
}

/** The code is not here to be thrown at: what cannot be started fails as an operation. */
function resolveChild(
  { workflow, version }: Extract<WireRequest, { kind: 'child' }>,
  host: WireOperationHost,
): { readonly version: string; readonly refused: Error | null } {
  try {
    return { version: host.resolveWorkflow(workflow, version).version, refused: null };
  } catch (error) {
    const refused = error instanceof Error ? error : new Error(String(error));
    return { version: version ?? '', refused };
  }
}

function toOptions(wire: WireStepOptions, { retry }: WireOperationHost): ResolvedStepOptions {
  const { maxAttempts, initialDelayMs, factor, maxDelayMs, jitter } = wire;
  const { timeoutMs, heartbeatTimeoutMs } = wire;
  const policy = defined({
    ...{ maxAttempts, factor, jitter },
    initialDelay: initialDelayMs,
    maxDelay: maxDelayMs,
  });
  const limits = defined({ timeout: timeoutMs, heartbeatTimeout: heartbeatTimeoutMs });
  const options: StepOptions = { retry: policy, ...limits };
  return resolveStepOptions([options], retry);
}
