/**
 * One process's connection to the store. Each call is two events, its execution and its reply, so that faults, other
 * processes and the death of the caller can come in between. The execution belongs to the database: it goes on when the
 * caller is paused, and may go on when the caller is dead.
 */
import type {
  CommitResult,
  DeliverResult,
  HintListener,
  RetryRequest,
  RunRecord,
  SignalMessage,
  StateStore,
  Turn,
} from '@dudousxd/nestjs-durable-core';
import type { Agenda, AgendaEvent, EventOwner } from './agenda.js';
import { type FaultPlan, InjectedStoreError, isInjected, type StoreFault } from './faults.js';
import type { HintBoard } from './hint-board.js';
import type { Observer } from './observer.js';
import { hash32, hashUnit } from './random.js';

/** Hints, settings and judgements of errors are no calls to the database. */
type Method = Exclude<
  keyof StateStore,
  'name' | 'capabilities' | 'hint' | 'onHint' | 'checkSettings' | 'isUnavailable'
>;

const METHODS: readonly Method[] = [
  'migrate',
  'close',
  'createRuns',
  'claim',
  'heartbeat',
  'takeOver',
  'beginProbation',
  'releaseWorker',
  'releaseRun',
  'history',
  'commit',
  'receive',
  'deliver',
  'signal',
  'transaction',
  'createRunsIn',
  'signalIn',
  'sweepOutbox',
  'takeTasks',
  'extendTasks',
  'returnTasks',
  'markUnserved',
  'completeTasks',
  'listUnserved',
  'getRun',
  'listRuns',
  'countRuns',
  'listSignals',
  'listServed',
  'lastServed',
  'isKnownWorkflow',
  'terminate',
  'retry',
  'deleteRun',
  'purge',
];

/** Methods that read only: no record has to be looked at afterwards. */
const READS: ReadonlySet<Method> = new Set<Method>([
  'migrate',
  'close',
  'heartbeat',
  'history',
  'receive',
  'takeTasks',
  'extendTasks',
  'returnTasks',
  'markUnserved',
  'listUnserved',
  'getRun',
  'listRuns',
  'countRuns',
  'listSignals',
  'listServed',
  'lastServed',
  'isKnownWorkflow',
  'purge',
]);

/** What the connection needs of the process that it belongs to. */
export interface StoreCaller extends EventOwner {
  readonly index: number;
  readonly dead: boolean;
  /** 1 for the first call of a method by this process, restarts included. */
  nextOrdinal(method: string): number;
  /** Both happen as soon as the event that is running has been drained. */
  crashSoon(reason: string): void;
  pauseSoon(ms: number, reason: string): void;
}

export interface ConnectionOptions {
  readonly seed: number;
  readonly caller: StoreCaller;
  readonly agenda: Agenda;
  readonly plan: FaultPlan;
  readonly observer: Observer;
  /** The store under test, mutated or not. */
  readonly store: StateStore;
  readonly database: EventOwner;
  readonly hints: HintBoard;
  readonly log: (who: string, text: string) => void;
  readonly onDeadCall: (method: string) => void;
  readonly onCall: (method: string, ordinal: number, args: readonly unknown[]) => void;
  /** The caller has been given an answer. */
  readonly onAnswer: (method: string) => void;
}

interface Call {
  readonly method: Method;
  readonly ordinal: number;
  readonly args: readonly unknown[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  execution: AgendaEvent | null;
  reply: AgendaEvent | null;
}

export class StoreConnection {
  /** What the engine gets. */
  readonly port: StateStore;
  private readonly options: ConnectionOptions;
  private readonly inFlight = new Set<Call>();

  constructor(options: ConnectionOptions) {
    this.options = options;
    const { name, capabilities } = options.store;
    const port: Record<string, unknown> = { name, capabilities };
    for (const method of METHODS) port[method] = (...args: unknown[]) => this.call(method, args);
    port.checkSettings = async () => [];
    port.isUnavailable = isInjected;
    port.hint = async (namespace: string) => this.hint(namespace);
    port.onHint = (listener: HintListener) =>
      options.hints.listen(options.caller, (namespace) => {
        if (!options.caller.dead) listener(namespace);
      });
    this.port = port as unknown as StateStore;
  }

  /** The caller is dead: no reply reaches it, and half of what it sent is executed all the same. */
  cut(): void {
    for (const call of this.inFlight) {
      if (call.execution !== null && this.unit('lost', call) < 0.5)
        this.options.agenda.remove(call.execution);
    }
    this.inFlight.clear();
  }

  private hint(namespace: string): void {
    const { caller, hints, onDeadCall } = this.options;
    if (caller.dead) onDeadCall('hint');
    else hints.publish(caller, namespace);
  }

  private call(method: Method, args: readonly unknown[]): Promise<unknown> {
    const { caller, plan, onCall, onDeadCall } = this.options;
    if (caller.dead) {
      onDeadCall(method);
      return new Promise(() => undefined);
    }
    const ordinal = caller.nextOrdinal(method);
    onCall(method, ordinal, args);
    return new Promise((resolve, reject) => {
      const call: Call = { method, ordinal, args, resolve, reject, execution: null, reply: null };
      this.inFlight.add(call);
      const fault = plan.storeFault(caller.index, method, ordinal);
      if (fault === null) this.send(call, {});
      else this.inject(call, fault);
    });
  }

  private inject(call: Call, fault: StoreFault & { readonly id: string }): void {
    const { caller, plan, agenda } = this.options;
    const text = `${fault.kind} at ${call.method}#${call.ordinal}`;
    plan.record({ id: fault.id, at: agenda.now, instance: caller.index, text });
    this.options.log(caller.name, `FAULT ${text}`);
    switch (fault.kind) {
      case 'errorBefore':
        this.reply(call, { error: lost('ECONNREFUSED') });
        return;
      case 'serialization':
        this.reply(call, {
          error: new InjectedStoreError('40001', 'could not serialize access'),
        });
        return;
      case 'executeThenError':
        this.send(call, { error: lost('ECONNRESET') });
        return;
      case 'delay':
        this.send(call, { delayMs: fault.beforeMs, replyDelayMs: fault.afterMs });
        return;
      case 'connectionDrop':
        this.dropAll(call);
        return;
      case 'crashBeforeExecute':
        caller.crashSoon(text);
        return;
      case 'crashAfterExecute':
        this.send(call, { afterExecute: () => caller.crashSoon(text) });
        return;
      case 'crashAfterReply':
        this.send(call, { afterReply: () => caller.crashSoon(text) });
        return;
      case 'pauseAtExecute':
        caller.pauseSoon(fault.beforeMs, text);
        this.send(call, { held: true });
        return;
      case 'pauseAtReply':
        this.send(call, { afterExecute: () => caller.pauseSoon(fault.beforeMs, text) });
        return;
    }
  }

  private dropAll(last: Call): void {
    for (const call of [...this.inFlight]) {
      const isLast = call === last;
      if (call.reply !== null) this.options.agenda.remove(call.reply);
      call.reply = null;
      if (call.execution !== null && this.unit('lost', call) < 0.5)
        this.options.agenda.remove(call.execution);
      if (isLast && this.unit('lost', call) >= 0.5) this.send(call, { mute: true });
      this.reply(call, { error: lost('ECONNRESET') });
    }
  }

  private send(call: Call, way: Way): void {
    const { agenda, caller, database } = this.options;
    const held = way.held === true;
    call.execution = agenda.add({
      owner: held ? caller : database,
      actor: `${caller.name}.call`,
      label: `exec ${call.method}`,
      delayMs: way.delayMs ?? this.latency('out', call),
      quiet: true,
      run: () => this.execute(call, way),
    });
  }

  private async execute(call: Call, way: Way): Promise<void> {
    call.execution = null;
    const { caller, log } = this.options;
    let answer: Answer;
    try {
      answer = { value: await this.perform(call) };
    } catch (error) {
      answer = { error };
    }
    log(caller.name, `exec ${call.method}${summary(call.method, call.args, answer)}`);
    way.afterExecute?.();
    if (way.mute === true || caller.dead) return;
    this.reply(call, way.error === undefined ? answer : { error: way.error }, way);
  }

  private async perform(call: Call): Promise<unknown> {
    const { store, observer } = this.options;
    const invoke = store[call.method] as (...args: unknown[]) => Promise<unknown>;
    if (READS.has(call.method)) return invoke.apply(store, [...call.args]);
    const before =
      call.method === 'commit' ? await this.recordsOf(call.args[0] as readonly Turn[]) : undefined;
    const value = await invoke.apply(store, [...call.args]);
    if (before !== undefined) {
      observer.afterCommit(
        call.args[0] as readonly Turn[],
        value as readonly CommitResult[],
        before,
      );
    } else if (call.method === 'signal') {
      observer.afterSignal(
        call.args[0] as readonly SignalMessage[],
        value as readonly DeliverResult[],
      );
    } else if (call.method === 'retry' && (value as { outcome: string }).outcome === 'done') {
      observer.afterRetry(call.args[0] as RetryRequest);
    }
    await observer.refresh(this.touched(call, value));
    return value;
  }

  private async recordsOf(turns: readonly Turn[]): Promise<ReadonlyMap<string, RunRecord>> {
    const records = new Map<string, RunRecord>();
    for (const { runId } of turns) {
      const run = await this.options.store.getRun(runId);
      if (run !== undefined) records.set(runId, run);
    }
    return records;
  }

  /** The runs whose records the call may have changed. */
  private touched({ method, args }: Call, value: unknown): Iterable<string> {
    switch (method) {
      case 'commit':
        return (args[0] as readonly Turn[]).flatMap((turn) => [
          turn.runId,
          ...turn.children.map((child) => child.id),
          ...(turn.change?.to === 'settled' ? this.options.observer.runs.keys() : []),
        ]);
      case 'claim':
        return (value as { claimed: readonly { run: RunRecord }[] }).claimed.map(
          ({ run }) => run.id,
        );
      case 'createRuns':
        return (value as readonly { run: RunRecord }[]).map(({ run }) => run.id);
      case 'signal':
      case 'deliver':
      case 'completeTasks':
        return [];
      case 'takeOver': {
        const { taken, blocked } = value as { taken: number; blocked: number };
        return taken + blocked === 0 ? [] : this.options.observer.runs.keys();
      }
      default:
        return this.options.observer.runs.keys();
    }
  }

  private reply(call: Call, answer: Answer, way: Way = {}): void {
    if (call.reply !== null || !this.inFlight.has(call)) return;
    const { agenda, caller, log } = this.options;
    call.reply = agenda.add({
      owner: caller,
      actor: `${caller.name}.reply`,
      label: `reply ${call.method}`,
      delayMs: way.replyDelayMs ?? this.latency('back', call),
      run: () => {
        this.inFlight.delete(call);
        if ('error' in answer) log(caller.name, `${call.method} failed`);
        if ('error' in answer) call.reject(answer.error);
        else {
          this.options.onAnswer(call.method);
          call.resolve(answer.value);
        }
        way.afterReply?.();
      },
    });
  }

  private latency(way: string, call: Call): number {
    const unit = this.unit(way, call);
    return unit < 0.6 ? 0 : Math.ceil((unit - 0.6) * 12);
  }

  private unit(what: string, { method, ordinal }: Call): number {
    return hashUnit(this.options.seed, what, hash32(method), this.options.caller.index, ordinal);
  }
}

type Answer = { readonly value: unknown } | { readonly error: unknown };

/** How a call travels. */
interface Way {
  readonly delayMs?: number;
  readonly replyDelayMs?: number;
  /** The caller gets this instead of the answer. */
  readonly error?: Error;
  /** The call waits with its caller, as if it had not been sent yet. */
  readonly held?: boolean;
  /** Nobody waits for the answer any more. */
  readonly mute?: boolean;
  readonly afterExecute?: () => void;
  readonly afterReply?: () => void;
}

function lost(code: string): InjectedStoreError {
  return new InjectedStoreError(code, 'the connection to the database was lost');
}

function summary(method: Method, args: readonly unknown[], answer: Answer): string {
  if ('error' in answer) return ` threw ${String(answer.error)}`;
  if (method === 'commit')
    return commitSummary(args[0] as readonly Turn[], answer.value as readonly CommitResult[]);
  if (method === 'claim') {
    const { claimed, wakes, nextWakeAt } = answer.value as {
      claimed: readonly { run: RunRecord }[];
      wakes: readonly string[];
      nextWakeAt: number | null;
    };
    const names = claimed.map(({ run }) => `${run.id}@${run.epoch}`);
    return ` [${names.join(' ')}] wakes [${wakes.join(' ')}]${nextWakeAt === null ? '' : ' +'}`;
  }
  return '';
}

function commitSummary(turns: readonly Turn[], results: readonly CommitResult[]): string {
  const parts = turns.map((turn, i) => {
    const events = turn.events.map(
      (event) =>
        `${event.seq}:${event.kind}.${event.type}${event.position === null ? '' : `/${event.position}`}`,
    );
    const change =
      turn.change === null
        ? ''
        : ` -> ${turn.change.to === 'settled' ? turn.change.outcome.status : turn.change.to}`;
    return ` ${turn.runId}@${turn.epoch} [${events.join(' ')}]${change} = ${results[i]?.outcome}`;
  });
  return parts.join(';');
}
