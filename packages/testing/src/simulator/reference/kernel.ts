/**
 * The reference kernel: plays a program against a recorded history and says what the code must have seen. Written
 * against the rulings alone and sharing nothing with the engine but the codec: an operation has the position of its
 * call, a window delivers one outcome in the order of `seq`, and every record must be of an operation that the code has
 * asked for, in the window that the record names as its cause.
 */
import type {
  ChildHandle,
  Codec,
  HistoryEvent,
  Logger,
  OperationKind,
  RegionOptions,
  RunRecord,
  WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { type ProgramHost, runProgram, type Seen, type Visit } from '../interpret.js';
import type { Program } from '../program.js';
import { SIM_REMOTE, SIM_WORKFLOW } from '../workload.js';
import { ReferenceRegions } from './regions.js';

/** A value the reference cannot know: a draw from the run's seed. */
export const DRAWN = '«drawn»';

/** What the code saw, and when. */
interface ReferenceSeen extends Seen {
  /** `seq` of the last event that led to it. */
  readonly seq: number;
}

/** What playing a history says. */
export interface Playback {
  readonly seen: readonly ReferenceSeen[];
  /** How the body ended; null if it did not. */
  readonly end: { readonly ok: boolean; readonly value: unknown } | null;
  /** Why the history cannot be right; null if it can. */
  readonly complaint: string | null;
  /** `node:occurrence` → position, of every operation that takes time. */
  readonly positions: ReadonlyMap<string, number>;
}

interface Asked {
  readonly position: number;
  readonly kind: OperationKind;
  readonly name: string;
  readonly cause: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  settled: boolean;
}

export interface PlaybackRequest {
  readonly run: RunRecord;
  readonly program: Program;
  readonly events: readonly HistoryEvent[];
  readonly codec: Codec;
  /** Called between two windows; resolves when the code has come to rest. */
  readonly settle: () => Promise<void>;
}

/** Plays a branch's history. */
export async function playHistory(request: PlaybackRequest): Promise<Playback> {
  const kernel = new ReferenceKernel(request);
  await kernel.play();
  return kernel.playback();
}

class ReferenceKernel {
  private readonly request: PlaybackRequest;
  private readonly asked = new Map<number, Asked>();
  private readonly seen: ReferenceSeen[] = [];
  private readonly sideEffects = new Map<number, HistoryEvent>();
  private readonly positions = new Map<string, number>();
  private readonly regions = new ReferenceRegions();
  private visit: Visit | null = null;
  private position = 1;
  private windowSeq = 0;
  /** `seq` of the last event that the code has seen the effect of. */
  private durableSeq = 0;
  private timeMs: number;
  private cancelled = false;
  private end: Playback['end'] = null;
  private complaint: string | null = null;

  constructor(request: PlaybackRequest) {
    this.request = request;
    this.timeMs = request.run.startedAt ?? request.run.createdAt;
    for (const event of request.events) {
      if (event.kind === 'sideEffect' && event.position !== null)
        this.sideEffects.set(event.position, event);
    }
  }

  async play(): Promise<void> {
    const { program, settle } = this.request;
    runProgram(this.context(), program, this.host()).then(
      (value) => {
        this.end ??= { ok: true, value };
      },
      (error: unknown) => {
        this.end ??= { ok: false, value: error };
      },
    );
    await settle();
    for (const event of this.request.events) {
      if (this.complaint !== null) return;
      if (this.accept(event)) await settle();
    }
  }

  playback(): Playback {
    const { seen, end, complaint, positions } = this;
    return { seen, end, complaint, positions };
  }

  /** Takes one event; true if it opened a window. */
  private accept(event: HistoryEvent): boolean {
    if (event.kind === 'cancel') {
      this.enter(event);
      this.cancelled = true;
      return true;
    }
    if (event.position === null || event.type === 'recorded' || event.kind === 'sideEffect')
      return false;
    const asked = this.asked.get(event.position);
    if (asked === undefined) {
      this.complain(event, 'which the code has not asked for');
      return false;
    }
    if (asked.kind !== event.kind || asked.name !== event.name) {
      this.complain(event, `where the code asked for ${asked.kind} '${asked.name}'`);
    } else if (asked.cause !== event.cause) {
      this.complain(event, `with cause ${event.cause}; the code asked in window ${asked.cause}`);
    } else if (asked.settled) {
      this.complain(event, 'which had its outcome before');
    } else if (event.type === 'completed' || event.type === 'failed') {
      this.deliver(event, asked);
      return true;
    } else if (event.type === 'withdrawn' || event.type === 'abandoned') {
      asked.settled = true;
    }
    return false;
  }

  private deliver(event: HistoryEvent, asked: Asked): void {
    const { codec } = this.request;
    this.enter(event);
    asked.settled = true;
    if (event.type === 'completed') asked.resolve(codec.decode(event.payload ?? ''));
    else asked.reject(codec.decodeError(event.payload ?? ''));
  }

  private enter(event: HistoryEvent): void {
    this.windowSeq = event.seq;
    this.durableSeq = event.seq;
    this.timeMs = Math.max(this.timeMs, event.at);
  }

  private complain({ seq, kind, name, type, position }: HistoryEvent, why: string): void {
    this.complaint ??= `seq ${seq} is ${kind} '${name}' ${type} at position ${position}, ${why}`;
  }

  private take(): number {
    const { position } = this;
    this.position += 1;
    return position;
  }

  private ask(kind: OperationKind, name: string): Promise<never> {
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    promise.catch(leaveAlone);
    const position = this.take();
    const asked: Asked = {
      position,
      kind,
      name,
      cause: this.windowSeq,
      resolve: resolve as (value: unknown) => void,
      reject,
      settled: false,
    };
    // What is asked for after the end is never recorded, but for the clean-up of branches that a cancel has reached.
    if (this.end === null || this.cancelled) this.asked.set(position, asked);
    if (this.visit !== null)
      this.positions.set(`${this.visit.node}:${this.visit.occurrence}`, position);
    this.visit = null;
    return promise;
  }

  private host(): ProgramHost {
    return {
      contract: SIM_REMOTE,
      childWorkflow: SIM_WORKFLOW,
      nonce: () => '',
      slowSchema: () => SIM_REMOTE.output,
      asking: (visit) => {
        this.visit = visit;
      },
      body: () => undefined,
      see: (seen) => {
        if (this.end === null || this.cancelled) this.seen.push({ ...seen, seq: this.durableSeq });
      },
    };
  }

  private context(): WorkflowCtx {
    const { run } = this.request;
    const { regions } = this;
    const context = {
      runId: run.id,
      run: {
        workflow: run.workflow,
        version: run.version,
        startedAt: new Date(this.timeMs),
        tags: run.tags,
      },
      step: (name: string) => this.ask('step', name),
      remote: (contract: { readonly name: string }) => this.ask('remote', contract.name),
      sleep: () => this.ask('sleep', 'sleep'),
      waitForSignal: (signal: string | { readonly name: string }) =>
        this.ask('signal', typeof signal === 'string' ? signal : signal.name),
      child: (workflow: string) => this.ask('child', workflow),
      startChild: async (workflow: string): Promise<ChildHandle<unknown>> => {
        const runId: string = await this.ask('child', workflow);
        return { runId, result: () => this.ask('child', workflow) };
      },
      now: () => new Date(this.timeMs),
      random: () => this.draw(),
      uuid: () => this.draw(),
      sideEffect: () => this.sideEffect(),
      patched: () => true,
      all: (_: string, branches: readonly (() => Promise<unknown>)[], options?: RegionOptions) =>
        regions.bounded(branches.length, options, async (index) => branches[index]?.()),
      map: (
        _: string,
        items: readonly unknown[],
        fn: (item: unknown, index: number) => Promise<unknown>,
        options?: RegionOptions,
      ) => regions.bounded(items.length, options, async (index) => fn(items[index], index)),
      scope: (_: string, fn: () => Promise<unknown>) => fn(),
      race: (_: string, branches: readonly (() => Promise<unknown>)[]) => regions.race(branches),
      log: SILENT,
    };
    Object.defineProperty(context, 'cancelled', { get: () => this.cancelled });
    return context as unknown as WorkflowCtx;
  }

  /** What the code does after a side effect is durable only when the side effect is; without a record, never (NaN). */
  private sideEffect(): unknown {
    const event = this.sideEffects.get(this.take());
    this.durableSeq = Math.max(this.durableSeq, event?.seq ?? Number.NaN);
    return event === undefined ? DRAWN : this.request.codec.decode(event.payload ?? '');
  }

  private draw(): string {
    this.take();
    return DRAWN;
  }
}

const SILENT: Logger = { debug: leaveAlone, info: leaveAlone, warn: leaveAlone, error: leaveAlone };

function leaveAlone(): void {
  // A rejection that nobody awaits stands in history, and log lines of a replay say nothing new.
}
