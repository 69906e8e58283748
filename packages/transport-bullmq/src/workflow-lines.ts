/**
 * The engine's lines to workers that have the code of workflows: turns and steps go to the worker's inbox, answers come by
 * the engine's results stream.
 *
 * L1. A line has one question under way, and nothing is sent twice. Who has no answer in time has lost its worker.
 * L2. Silence counts only while Redis is there: an outage loses nobody.
 */
import {
  type ActivationStart,
  LineLostError,
  type LineStep,
  type RemoteWorkflows,
  type ServedWorkflow,
  type TransportHost,
  type TurnAnswer,
  type TurnOutcome,
  type TurnRequest,
  type WorkflowLine,
} from '@dudousxd/nestjs-durable-core';
import {
  byteLength,
  type HeartbeatMessage,
  isTooLarge,
  type MessageInput,
  type MessageOf,
  PROTOCOL_VERSION,
  type ResultMessage,
  type TurnResultMessage,
  writeMessage,
} from '@dudousxd/nestjs-durable-protocol';
import type { RedisLink } from './redis-link.js';
import { Silence } from './silence.js';
import { MESSAGE_FIELD } from './stream-reader.js';
import type { WorkerRegistry } from './worker-registry.js';

/** What lines are made with. */
export interface WorkflowLinesOptions {
  readonly link: RedisLink;
  readonly host: TransportHost;
  readonly registry: WorkerRegistry;
  /** Key of the stream that answers are wanted on. */
  readonly replyTo: string;
  readonly livenessMs: number;
  readonly maxMessageBytes: number;
  /** Asks the handler of an attempt to stop. */
  readonly cancel: (taskId: string, reason: string) => void;
}

/** How long the code may take for one turn. It waits for nothing, so that is long. */
const TURN_MS = 10_000;
/** Signs of life that may be missed. */
const MISSED_BEATS = 3;
/** How long an inbox is kept that nobody reads. */
const INBOX_MS = 3_600_000;

type Result = Awaited<ReturnType<WorkflowLine['step']>>;

/** Something that a worker owes an answer to. */
interface Owed<T> {
  readonly token: string;
  readonly line: Line;
  readonly silence: Silence;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: LineLostError) => void;
}

export class WorkflowLines implements RemoteWorkflows {
  readonly #options: WorkflowLinesOptions;
  /** By activation. */
  readonly #turns = new Map<string, Owed<TurnAnswer>>();
  /** By task, with what takes its progress. */
  readonly #steps = new Map<string, Owed<Result> & Pick<LineStep, 'onProgress'>>();
  #onIdle: () => void = () => {};
  #isClosed = false;

  constructor(options: WorkflowLinesOptions) {
    this.#options = options;
  }

  open({ name, version }: ServedWorkflow): WorkflowLine | undefined {
    const { registry, host } = this.#options;
    const workers = registry.workersOf(name, version);
    const worker = workers[Math.floor(host.runtime.ids.random() * workers.length)];
    return worker === undefined ? undefined : new Line(this, worker.id, worker.inbox, host);
  }

  turn(line: Line, turn: number, request: TurnRequest): Promise<TurnAnswer> {
    const { activation, token } = line;
    const { replyTo, maxMessageBytes } = this.#options;
    const start = request.start === undefined ? {} : { start: toStart(request.start) };
    const outcomes = request.outcomes.map(toOutcome);
    const head = { v: PROTOCOL_VERSION, type: 'turn', activation, token, replyTo, turn } as const;
    const text = writeMessage<'turn'>({ ...head, ...start, outcomes });
    if (isTooLarge(text, maxMessageBytes)) return Promise.resolve(tooLarge(text, maxMessageBytes));
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      const silence = this.#listen(TURN_MS, `a turn of ${activation}`, (error) => {
        this.#lose(this.#turns, activation, error);
      });
      this.#turns.set(activation, { token, line, silence, resolve, reject });
      this.#send(line, text, () => this.#turns.get(activation)?.reject);
    });
  }

  step(line: Line, step: LineStep): Promise<Result> {
    const { host, livenessMs } = this.#options;
    if (this.#isClosed) return Promise.reject(closed());
    const taskId = host.runtime.ids.id();
    const token = host.runtime.ids.secret();
    const text = writeMessage<'task'>(this.#task(line, taskId, token, step));
    const { signal, onProgress } = step;
    const onAbort = () => this.#options.cancel(taskId, reasonOf(signal));
    return new Promise<Result>((resolve, reject) => {
      const silence = this.#listen(livenessMs * MISSED_BEATS, `step '${step.name}'`, (error) => {
        this.#lose(this.#steps, taskId, error);
      });
      this.#steps.set(taskId, { token, line, silence, onProgress, resolve, reject });
      this.#send(line, text, () => this.#steps.get(taskId)?.reject);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    }).finally(() => signal.removeEventListener('abort', onAbort));
  }

  release(line: Line): void {
    const { activation } = line;
    const owed = this.#turns.get(activation);
    owed?.silence.end();
    this.#turns.delete(activation);
    this.#noteIdle();
    const text = writeMessage<'release'>({ v: PROTOCOL_VERSION, type: 'release', activation });
    this.#send(line, text, () => undefined);
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  answered(message: TurnResultMessage): void {
    const { activation, token, turn } = message;
    const owed = this.#turns.get(activation);
    if (owed === undefined || owed.token !== token || owed.line.turns !== turn) return;
    this.#turns.delete(activation);
    owed.silence.end();
    owed.resolve(message);
    this.#noteIdle();
  }

  /** The worker has forgotten the activation, and all that it ran for it. */
  lost({ activation, token }: MessageOf<'lost'>): void {
    const message = `The worker has no activation ${activation}.`;
    const error = new LineLostError(message, { crashed: false });
    // A worker that never had it knows no token but that of the task.
    const isIt = (owed: Owed<never> | undefined) =>
      owed?.line.activation === activation && (owed.line.token === token || owed.token === token);
    if (isIt(this.#turns.get(activation))) this.#lose(this.#turns, activation, error);
    for (const [taskId, owed] of [...this.#steps])
      if (isIt(owed)) this.#lose(this.#steps, taskId, error);
  }

  /** Whether the result is of a step of a workflow. */
  result({ taskId, token, ...result }: ResultMessage): boolean {
    const owed = this.#steps.get(taskId);
    if (owed === undefined) return false;
    if (owed.token !== token) return true;
    this.#steps.delete(taskId);
    owed.silence.end();
    const { attempt, ok, payload, worker, startedAt } = result;
    owed.resolve({ attempt, ok, payload, worker, startedAt: startedAt ?? null });
    this.#noteIdle();
    return true;
  }

  /** Whether the sign of life is of a step of a workflow. */
  heartbeat({ taskId, token, progress }: HeartbeatMessage): boolean {
    const owed = this.#steps.get(taskId);
    if (owed === undefined) return false;
    if (owed.token !== token) return true;
    owed.silence.touch();
    if (progress !== undefined) owed.onProgress(progress);
    return true;
  }

  /** Workers that are gone owe nothing any more: whatever they did, nobody will know. */
  workersChanged(): void {
    const { registry } = this.#options;
    const isGone = ({ line }: Owed<never>) => !registry.isThere(line.worker);
    for (const [id, owed] of [...this.#turns]) if (isGone(owed)) this.#loseGone(this.#turns, id);
    for (const [id, owed] of [...this.#steps]) if (isGone(owed)) this.#loseGone(this.#steps, id);
  }

  /** Resolves when nobody waits for a worker. */
  whenIdle(): Promise<void> {
    if (this.#turns.size === 0 && this.#steps.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  close(): void {
    this.#isClosed = true;
    const error = closed();
    for (const id of [...this.#turns.keys()]) this.#lose(this.#turns, id, error);
    for (const id of [...this.#steps.keys()]) this.#lose(this.#steps, id, error);
  }

  #loseGone(owing: Map<string, Owed<never>>, id: string): void {
    const worker = owing.get(id)?.line.worker;
    this.#lose(owing, id, new LineLostError(`Worker ${worker} is gone.`, { crashed: true }));
  }

  #lose(owing: Map<string, Owed<never>>, id: string, error: LineLostError): void {
    const owed = owing.get(id);
    owing.delete(id);
    owed?.silence.end();
    owed?.reject(error);
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.#turns.size === 0 && this.#steps.size === 0) this.#onIdle();
  }

  #listen(limitMs: number, what: string, onSilent: (error: LineLostError) => void): Silence {
    const { link, host } = this.#options;
    return new Silence({
      runtime: host.runtime,
      limitMs,
      counts: () => link.isReady,
      onSilent: () => {
        const message = `No answer about ${what} in ${limitMs} ms.`;
        onSilent(new LineLostError(message, { crashed: true }));
      },
    });
  }

  #task(line: Line, taskId: string, token: string, step: LineStep): MessageInput<'task'> {
    const { replyTo, livenessMs } = this.#options;
    const { namespace, runId, branch, position, name, attempt, idempotencyKey } = step;
    const { timeoutMs, heartbeatTimeoutMs, progress } = step;
    return {
      ...{ v: PROTOCOL_VERSION, type: 'task', taskId, token, replyTo },
      ...{ namespace, runId, branch, position, attempt, idempotencyKey },
      ...{ step: name, input: 'null', livenessMs, activation: line.activation },
      ...(timeoutMs === null ? {} : { timeoutMs: Math.ceil(timeoutMs) }),
      ...(heartbeatTimeoutMs === null ? {} : { heartbeatTimeoutMs: Math.ceil(heartbeatTimeoutMs) }),
      ...(progress === null ? {} : { progress }),
    };
  }

  /** What Redis does not take is missed by nobody but who waits for its answer. */
  #send(
    { inbox, worker }: Line,
    text: string,
    waiting: () => ((error: LineLostError) => void) | undefined,
  ): void {
    const { commands } = this.#options.link;
    const sent = commands.pipeline().xadd(inbox, '*', MESSAGE_FIELD, text).pexpire(inbox, INBOX_MS);
    sent
      .exec()
      .then((replies) => {
        const failure = replies?.find(([error]) => error !== null);
        if (failure !== undefined) throw failure[0];
      })
      .catch((error: unknown) => {
        this.#options.link.report('Sending to a worker', error);
        const message = `Worker ${worker} could not be asked.`;
        waiting()?.(new LineLostError(message, { crashed: false }));
      });
  }
}

/** One activation on one worker. */
class Line implements WorkflowLine {
  readonly activation: string;
  readonly token: string;
  readonly worker: string;
  readonly inbox: string;
  /** Turns that were asked for. */
  turns = 0;
  readonly #lines: WorkflowLines;

  constructor(lines: WorkflowLines, worker: string, inbox: string, { runtime }: TransportHost) {
    this.#lines = lines;
    this.activation = runtime.ids.id();
    this.token = runtime.ids.secret();
    this.worker = worker;
    this.inbox = inbox;
  }

  turn(request: TurnRequest): Promise<TurnAnswer> {
    this.turns += 1;
    return this.#lines.turn(this, this.turns, request);
  }

  step(step: LineStep): Promise<Result> {
    return this.#lines.step(this, step);
  }

  release(): void {
    this.#lines.release(this);
  }
}

function toStart(start: ActivationStart): NonNullable<MessageInput<'turn'>['start']> {
  return {
    ...start,
    startedAt: Math.max(0, Math.round(start.startedAt)),
    tags: [...start.tags],
    patches: [...start.patches],
  };
}

function toOutcome(outcome: TurnOutcome): MessageInput<'turn'>['outcomes'][number] {
  return { ...outcome, at: Math.max(0, Math.round(outcome.at)) };
}

function closed(): LineLostError {
  return new LineLostError('The transport is closed.', { crashed: false });
}

/** No worker would read it. */
function tooLarge(text: string, limit: number): TurnAnswer {
  const broken =
    `A message for its worker takes ${byteLength(text)} bytes, and maxMessageBytes of the transport is ${limit}: ` +
    'raise it here and in the workers, or let steps return less.';
  return { asked: [], nextPosition: 1, broken };
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}
