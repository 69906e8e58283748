/** A process that has the code of workflows, in this one: answers turns as docs/protocol.md says, by a `Coroutine`. */
import {
  type ActivationStart,
  CancelledError,
  type Codec,
  InProcessTransport,
  LineLostError,
  type LineStep,
  type RemoteWorkflows,
  type ServedWorkflow,
  type StepContext,
  type TransportSink,
  type TurnAnswer,
  type TurnRequest,
  type WireAsked,
  type WireRequest,
  type WorkflowCtx,
  type WorkflowLine,
} from '../../src/index.js';
import type { RemoteResult } from '../../src/model/message.js';
import type { ResolvedStepOptions } from '../../src/model/retry.js';
import type { RunRecord } from '../../src/model/run.js';
import type { Asked } from '../../src/replay/activation.js';
import { Coroutine } from '../../src/replay/coroutine.js';
import type { Operation } from '../../src/replay/operation.js';
import { EMPTY_HISTORY } from '../../src/replay/recorded.js';
import type { TransportHost } from '../../src/transport/transport.js';
import { runIn } from '../../src/workflow/place.js';
import { DEFAULT_RETRY } from '../../src/workflow/step-options.js';
import { createWorkflowContext } from '../../src/workflow/workflow-context.js';

export type Body = (ctx: WorkflowCtx, input: never) => Promise<unknown>;

/** What a test may do to a worker. */
export interface WorkerFaults {
  /** Called before each turn is answered; what it throws is a loss. */
  beforeAnswer?: (turn: TurnRequest) => void | Promise<void>;
  /** As `beforeAnswer`, when the code has run. */
  afterTurn?: (turn: TurnRequest) => void | Promise<void>;
  beforeStep?: (step: LineStep) => void | Promise<void>;
  afterStep?: (step: LineStep) => void | Promise<void>;
}

/** A transport that reaches such workers, and the remote steps of its own process. */
export class ElsewhereTransport extends InProcessTransport {
  readonly workflows: RemoteWorkflows = { open: (workflow) => this.#open(workflow) };
  readonly turns: TurnRequest[] = [];
  faults: WorkerFaults = {};
  #served = new Map<string, Body>();
  #version = '1';
  #sink: TransportSink | undefined;
  #codec: Codec | undefined;

  override async bind(sink: TransportSink, host?: TransportHost): Promise<void> {
    this.#sink = sink;
    this.#codec = host?.codec;
    await super.bind(sink);
    this.#announce();
  }

  /** Workers with these workflows instead of those that there were. */
  serveElsewhere(workflows: Readonly<Record<string, Body>>, version = '1'): void {
    this.#served = new Map(Object.entries(workflows));
    this.#version = version;
    this.#announce();
  }

  #announce(): void {
    this.#sink?.workflows?.(
      [...this.#served.keys()].map((name) => ({ name, version: this.#version })),
    );
  }

  #open({ name }: ServedWorkflow): WorkflowLine | undefined {
    const body = this.#served.get(name);
    const codec = this.#codec;
    if (body === undefined || codec === undefined) return undefined;
    return new Line(body, codec, this);
  }
}

class Line implements WorkflowLine {
  readonly #body: Body;
  readonly #codec: Codec;
  readonly #worker: ElsewhereTransport;
  readonly #operations = new Map<number, Operation>();
  #coroutine: Coroutine | undefined;
  #isReleased = false;

  constructor(body: Body, codec: Codec, worker: ElsewhereTransport) {
    this.#body = body;
    this.#codec = codec;
    this.#worker = worker;
  }

  async turn(request: TurnRequest): Promise<TurnAnswer> {
    this.#worker.turns.push(request);
    await this.#fault(() => this.#worker.faults.beforeAnswer?.(request));
    const asked: WireAsked[] = [];
    if (request.start !== undefined) asked.push(...(await this.#begin(request.start)));
    const coroutine = this.#coroutine;
    if (coroutine === undefined) throw new LineLostError('No such activation.', { crashed: false });
    for (const outcome of request.outcomes) {
      const { seq, at } = outcome;
      if (outcome.outcome === 'cancelRequested') {
        await new Promise<void>((done) => coroutine.deliverCancel(seq, at, done));
      } else {
        const { position, kind, name, ok, payload } = outcome;
        const operation = coroutine.pending.get(position);
        if (operation === undefined || operation.name !== name)
          return { asked: [], nextPosition: 1, mismatch: { position, ...labelOf(operation) } };
        const value = ok ? this.#codec.decode(payload) : this.#codec.decodeError(payload);
        const settlement = { position, kind, name, ok, payload, value };
        await new Promise<void>((done) => coroutine.deliver(seq, at, settlement, done));
      }
      asked.push(...this.#toWire(seq, coroutine.takeAsked()));
    }
    await this.#fault(() => this.#worker.faults.afterTurn?.(request));
    if (this.#isReleased) await new Promise(() => {});
    return { asked, nextPosition: coroutine.position, ...this.#end(coroutine) };
  }

  async step(step: LineStep): Promise<RemoteResult> {
    await this.#fault(() => this.#worker.faults.beforeStep?.(step));
    const result = await this.#run(step);
    await this.#fault(() => this.#worker.faults.afterStep?.(step));
    return result;
  }

  release(): void {
    this.#isReleased = true;
  }

  async #fault(hook: () => void | Promise<void> | undefined): Promise<void> {
    try {
      await hook();
    } catch (error) {
      throw new LineLostError(String(error), { crashed: true });
    }
  }

  async #begin(start: ActivationStart): Promise<readonly WireAsked[]> {
    const { lastSeq, maxPosition, patches } = start;
    const outcomes = lastSeq === 0 ? [] : [{ seq: lastSeq } as never];
    const coroutine = new Coroutine({
      runId: start.runId,
      workflow: start.workflow,
      history: { ...EMPTY_HISTORY, maxPosition, patches: new Set(patches), outcomes },
      startedAt: start.startedAt,
      captureSite: null,
      onPoisoned: () => undefined,
    });
    this.#coroutine = coroutine;
    const ctx = createWorkflowContext({
      run: { ...start, id: start.runId, parent: parentOf(start) } as unknown as RunRecord,
      coroutine,
      codec: this.#codec,
      retry: DEFAULT_RETRY,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      store: { name: 'none', capabilities: {} as never },
      findStep: () => undefined,
      resolveWorkflow: (name, version) => ({ name: String(name), version: version ?? '' }),
    });
    const input = this.#codec.decode(start.input) as never;
    const body = async () => this.#body(ctx, input);
    await new Promise<void>((done) => {
      coroutine.start(() => runIn(coroutine, null, body), done);
    });
    return this.#toWire(0, coroutine.takeAsked());
  }

  #end({ end }: Coroutine): Pick<TurnAnswer, 'end'> {
    if (end === null) return {};
    const payload = end.ok ? this.#codec.encode(end.value) : this.#codec.encodeError(end.error);
    return { end: { ok: end.ok, payload } };
  }

  #toWire(cause: number, asked: readonly Asked[]): readonly WireAsked[] {
    return asked.map((ask): WireAsked => {
      switch (ask.note) {
        case 'operation': {
          const { operation } = ask;
          const { position, name, group } = operation;
          this.#operations.set(position, operation);
          const wire = { ask: 'operation', cause, position, name } as const;
          return { ...wire, request: toRequest(operation), ...(group === null ? {} : { group }) };
        }
        case 'patch':
          return { ask: 'patch', cause, name: ask.name };
        case 'withdraw':
          return { ask: 'withdraw', cause, position: ask.operation.position };
        case 'sideEffect':
          throw new Error('Code elsewhere has no side effects.');
        default:
          return ask satisfies never;
      }
    });
  }

  async #run(step: LineStep): Promise<RemoteResult> {
    const { attempt, idempotencyKey, signal, progress, position } = step;
    const request = this.#operations.get(position)?.request;
    if (request?.kind !== 'step') throw new LineLostError('No such step.', { crashed: false });
    const context: StepContext = {
      ...{ attempt, idempotencyKey, signal },
      heartbeat: (value) => {
        if (value !== undefined) step.onProgress(this.#codec.encode(value));
      },
      ...(progress === null ? {} : { progress: this.#codec.decode(progress) as never }),
    };
    const ended = { attempt, worker: 'elsewhere', startedAt: null };
    try {
      const value = await request.invoke(context);
      return { ...ended, ok: true, payload: this.#codec.encode(value) };
    } catch (error) {
      return { ...ended, ok: false, payload: this.#codec.encodeError(error) };
    }
  }
}

function labelOf(
  operation: Operation | undefined,
): Pick<NonNullable<TurnAnswer['mismatch']>, 'asked'> {
  if (operation === undefined) return {};
  return { asked: { kind: operation.request.kind, name: operation.name } };
}

function parentOf({ parentRunId }: ActivationStart): { readonly runId: string } | null {
  return parentRunId === undefined ? null : { runId: parentRunId };
}

function toOptions({ retry, timeoutMs, heartbeatTimeoutMs }: ResolvedStepOptions) {
  return {
    ...retry,
    timeoutMs: timeoutMs ?? undefined,
    heartbeatTimeoutMs: heartbeatTimeoutMs ?? undefined,
  };
}

function toRequest({ request }: Operation): WireRequest {
  switch (request.kind) {
    case 'step':
      return { kind: 'step', options: toOptions(request.options) };
    case 'remote':
      return { kind: 'remote', input: request.input, options: toOptions(request.options) };
    case 'sleep':
      return {
        kind: 'sleep',
        durationMs: request.durationMs ?? undefined,
        untilMs: request.untilMs ?? undefined,
      };
    case 'signal':
      return { kind: 'signal', token: request.token, timeoutMs: request.timeoutMs ?? undefined };
    case 'child': {
      const { workflow, version, input, tags, priority, closePolicy, runId } = request.start;
      return {
        ...{ kind: 'child', workflow, input, tags, priority, closePolicy },
        detached: request.detached,
        version: version === '' ? undefined : version,
        runId: runId ?? undefined,
      };
    }
    case 'childResult':
      return { kind: 'childResult', runId: request.childRunId };
    case 'transaction':
      throw new CancelledError({ runId: '', reason: 'Code elsewhere has no transactions.' });
    default:
      return request satisfies never;
  }
}
