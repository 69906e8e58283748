/**
 * Takes remote attempts from the outbox to the transport, and their results to the inboxes.
 *
 * D1. The outbox is the truth: a taken task becomes visible again unless its worker gives signs of life, and is then
 *     dispatched again by whichever process takes it (trap B21).
 * D2. A result is in the database, or known to be useless, before the transport is told that it was taken. Where the run is
 *     awake here, it is in the database as the outcome itself, and never lies in the inbox.
 * D3. A task that nobody serves waits in the outbox. Who is told of a new worker makes its tasks visible at once; without
 *     that they become visible by themselves. Since when is remembered with the task, for whoever looks at the run.
 * D4. Within a process, who takes a task begins it. One that was taken more often than processes may die over it is not
 *     begun again: its attempt has failed. Those that have been taken some times begin one by one, so that what runs beside
 *     the culprit is not blamed with it. Over a network, tasks are taken again while they wait, and the transport counts.
 */

import type { DatabaseClock } from '../claim/database-clock.js';
import { Batcher } from '../commit/batcher.js';
import { RemoteCrashError } from '../errors/errors.js';
import type { RemoteResult } from '../model/message.js';
import type { NewTask, RemoteTask } from '../model/turn.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type {
  DeliverResult,
  StateStore,
  TakenTask,
  TaskResult,
  TaskReturn,
} from '../store/state-store.js';
import type { ClientCall, ServedWorkflow } from '../transport/remote-workflows.js';
import type {
  DispatchOutcome,
  TaskHeartbeat,
  Transport,
  TransportHost,
  TransportSink,
} from '../transport/transport.js';
import { SUSPECT_FROM, SuspectSlot } from './suspect-slot.js';
import { within } from './watchdog.js';

export interface DispatcherOptions {
  readonly store: StateStore;
  readonly transport: Transport;
  readonly host: TransportHost;
  readonly runtime: Runtime;
  readonly clock: DatabaseClock;
  readonly namespace: string;
  readonly worker: () => string;
  /** Remote steps whose handlers live in this process. */
  readonly served: () => readonly string[];
  readonly visibilityMs: number;
  /** How often a task may be taken within a process without a result. */
  readonly maxCrashes: number;
  readonly onWoken: (runIds: readonly string[]) => void;
  /** Takes the result of a task into its run, if that is awake here; resolves when that is durable, else to false. */
  readonly offer: (task: RemoteTask, result: RemoteResult) => Promise<boolean>;
  /** Other processes have the code of these workflows now, and of no others. */
  readonly onWorkflows: (served: readonly ServedWorkflow[]) => void;
  readonly onCall: (call: ClientCall) => Promise<string>;
}

const BATCH = 200;
/** The task, its message, and the wake-up of its run. */
const ROWS_PER_RESULT = 3;
const MIN_PAUSE_MS = 20;
const IDLE_PAUSE_MS = 1_000;
const MAX_EXTEND_PAUSE_MS = 1_000;
/** When what the transport could not take is tried again. */
const REDISPATCH_MS = 2_000;
/** Of suspects that wait for their turn, one is looked at in this time. */
const SUSPECT_PACE_MS = 500;
/** How long a run that was cancelled is kept for the sake of asking its handlers to stop. */
const ASK_MS = 5_000;
/** Tasks that are remembered; what is forgotten costs time, not tasks. */
const MAX_REMEMBERED = 10_000;
const MAX_LIVENESS_MS = 5_000;
/** A sign of life and its way into the database take well under half of a task's visibility. */
const LIVENESS_SHARE = 1 / 4;
const EXTEND_SHARE = 1 / 8;

/** How often a running attempt has to give a sign of life, in milliseconds. */
export function livenessFor(visibilityMs: number): number {
  return Math.min(MAX_LIVENESS_MS, visibilityMs * LIVENESS_SHARE);
}

export class Dispatcher implements TransportSink {
  private readonly options: DispatcherOptions;
  private readonly results: Batcher<TaskResult, DeliverResult>;
  private readonly alive = new Set<string>();
  /** Tasks that were handed to the transport here and have had no result here. */
  private readonly outstanding = new Map<string, RemoteTask>();
  /** Tasks that were just committed here, to be handed over together. */
  private fresh: NewTask[] = [];
  /** Tasks that nobody served when they were taken, with their steps. */
  private readonly unserved = new Map<string, string>();
  /** Tasks whose handlers were asked to stop, with the reason: one that begins only then has to be asked again. */
  private readonly stopping = new Map<string, string>();
  private readonly suspects: SuspectSlot;
  private hasIgnored = false;
  private pollTimer: TimerHandle | null = null;
  private extendTimer: TimerHandle | null = null;
  private polling = false;
  private taking = true;
  private kicked = false;
  private running = false;

  constructor(options: DispatcherOptions) {
    this.options = options;
    const { store, runtime } = options;
    this.suspects = new SuspectSlot(runtime.clock);
    this.results = new Batcher<TaskResult, DeliverResult>({
      what: 'results of remote steps',
      send: (items) => store.completeTasks(items),
      measure: ({ result }) => ({ rows: ROWS_PER_RESULT, bytes: result.payload.length }),
      scheduler: runtime.scheduler,
      logger: runtime.logger,
      retryable: () => this.running,
    });
  }

  async start(): Promise<void> {
    await this.options.transport.bind(this, this.options.host);
    this.running = true;
    this.kick();
  }

  /** Takes no more tasks; results are still taken. */
  stopTaking(): void {
    this.taking = false;
    this.clear(this.pollTimer);
  }

  /** Call it when the transport is closed: what has no result by then is visible to other processes at once. */
  async stop(flushMs: number): Promise<void> {
    const { runtime, store, transport } = this.options;
    await within(runtime, flushMs, this.results.whenIdle());
    // What other processes were given goes on there.
    const outstanding = transport.reach === 'process' ? [...this.outstanding.keys()] : [];
    this.kill();
    const returns = outstanding.map((taskId) => ({ taskId, afterMs: 0 }));
    if (returns.length > 0) await store.returnTasks(returns);
  }

  kill(): void {
    this.running = false;
    this.results.kill();
    this.clear(this.pollTimer);
    this.clear(this.extendTimer);
  }

  /** There may be new tasks: look at once. */
  kick(): void {
    if (!this.running || !this.taking) return;
    this.kicked = true;
    if (this.polling) return;
    this.clear(this.pollTimer);
    void this.poll();
  }

  /** These have just been put into the outbox here. Over a network they are handed over at once, without being taken. */
  committed(tasks: readonly NewTask[]): void {
    const { transport, runtime } = this.options;
    if (transport.reach === 'process') {
      this.kick();
      return;
    }
    if (this.fresh.length === 0) runtime.scheduler.soon(() => void this.sendFresh());
    this.fresh.push(...tasks);
  }

  private async sendFresh(): Promise<void> {
    const tasks = this.fresh.map((task) => ({ ...task, takes: 1, isUnserved: false }));
    this.fresh = [];
    if (!this.running) return;
    if (!this.taking) {
      await this.giveBack(tasks.map(({ id: taskId }) => ({ taskId, afterMs: 0 })));
      return;
    }
    try {
      await this.dispatch(tasks);
    } catch (error) {
      this.options.runtime.logger.warn('Dispatching remote steps failed; trying again.', { error });
    }
  }

  /**
   * Asks handlers to stop, those that begin later too. Best effort: resolves when they were asked or that has failed,
   * soon in any case; never rejects.
   */
  async cancel(taskIds: readonly string[], reason: string): Promise<void> {
    for (const id of taskIds) remember(this.stopping, id, reason);
    await this.ask(taskIds, reason);
  }

  private async ask(taskIds: readonly string[], reason: string): Promise<void> {
    const { transport, runtime } = this.options;
    try {
      await within(runtime, ASK_MS, transport.cancel(taskIds, reason));
    } catch (error) {
      runtime.logger.warn('Asking remote steps to stop failed; they end by themselves.', {
        taskIds,
        error,
      });
    }
  }

  /** The run was ended from outside: its attempts that were dispatched here are asked to stop. */
  cancelRun(runId: string, reason: string): void {
    const ids = [...this.outstanding].flatMap(([id, task]) => (task.runId === runId ? [id] : []));
    if (ids.length > 0) void this.cancel(ids, reason);
  }

  async result(result: TaskResult): Promise<void> {
    const sent = this.outstanding.get(result.taskId);
    this.alive.delete(result.taskId);
    this.outstanding.delete(result.taskId);
    this.stopping.delete(result.taskId);
    this.suspects.leave(result.taskId);
    if (sent?.token === result.token && (await this.options.offer(sent, result.result))) return;
    const { outcome, woken } = await this.results.submit(result);
    if (outcome === 'ignored') this.noteIgnored(result);
    this.options.onWoken(woken);
  }

  /** Usual after a recovery, so it is said once; of a forged result nothing else would tell. */
  private noteIgnored({ taskId, result: { attempt, worker } }: TaskResult): void {
    const { logger } = this.options.runtime;
    const message =
      'A result of a remote step was dropped: its attempt is unknown or over, or the token is not its own.';
    const fields = { taskId, attempt, worker };
    if (this.hasIgnored) logger.debug(message, fields);
    else logger.info(`${message} More of them are logged at level debug.`, fields);
    this.hasIgnored = true;
  }

  served(steps: readonly string[]): void {
    const ids = [...this.unserved].flatMap(([id, step]) => (steps.includes(step) ? [id] : []));
    for (const id of ids) this.unserved.delete(id);
    if (ids.length > 0) void this.giveBack(ids.map((taskId) => ({ taskId, afterMs: 0 })));
  }

  workflows(served: readonly ServedWorkflow[]): void {
    this.options.onWorkflows(served);
  }

  call(call: ClientCall): Promise<string> {
    return this.options.onCall(call);
  }

  /** Makes taken tasks visible again. */
  private async giveBack(returns: readonly TaskReturn[]): Promise<void> {
    const { store, runtime } = this.options;
    try {
      await store.returnTasks(returns);
      if (returns.some(({ afterMs }) => afterMs === 0)) this.kick();
    } catch (error) {
      runtime.logger.warn('Remote steps that were not dispatched wait for their visibility.', {
        error,
      });
    }
  }

  heartbeat({ taskId }: TaskHeartbeat): void {
    this.alive.add(taskId);
    if (this.extendTimer !== null || !this.running) return;
    const { runtime, visibilityMs } = this.options;
    const pauseMs = Math.min(MAX_EXTEND_PAUSE_MS, visibilityMs * EXTEND_SHARE);
    this.extendTimer = runtime.scheduler.setTimer(() => void this.extend(), pauseMs);
  }

  private async extend(): Promise<void> {
    this.extendTimer = null;
    const ids = [...this.alive];
    this.alive.clear();
    const { store, visibilityMs, runtime } = this.options;
    try {
      await store.extendTasks(ids, visibilityMs);
    } catch (error) {
      runtime.logger.warn(
        'Keeping running remote steps alive failed; their next heartbeat tries again.',
        { error },
      );
    }
  }

  private async poll(): Promise<void> {
    this.polling = true;
    this.kicked = false;
    let pauseMs = IDLE_PAUSE_MS;
    try {
      pauseMs = await this.takeOnce();
    } catch (error) {
      this.options.runtime.logger.warn('Dispatching remote steps failed; trying again.', { error });
    }
    this.polling = false;
    if (!this.running || !this.taking) return;
    if (this.kicked) {
      this.kick();
      return;
    }
    this.pollTimer = this.options.runtime.scheduler.setTimer(() => void this.poll(), pauseMs);
  }

  private async takeOnce(): Promise<number> {
    const { store, transport, clock, namespace, worker, served, visibilityMs } = this.options;
    const steps = transport.reach === 'process' ? served() : null;
    if (steps?.length === 0) return IDLE_PAUSE_MS;
    const request = { worker: worker(), namespace, limit: BATCH, visibilityMs, steps };
    const { tasks, nextVisibleAt } = await store.takeTasks(request);
    if (!this.running) return IDLE_PAUSE_MS;
    if (tasks.length > 0) await this.dispatch(tasks);
    if (tasks.length === BATCH) return 0;
    if (nextVisibleAt === null) return IDLE_PAUSE_MS;
    return Math.min(IDLE_PAUSE_MS, Math.max(MIN_PAUSE_MS, nextVisibleAt - clock.now()));
  }

  private async dispatch(taken: readonly TakenTask[]): Promise<void> {
    const { transport, visibilityMs } = this.options;
    const tasks = transport.reach === 'process' ? await this.sift(taken) : taken;
    if (tasks.length === 0) return;
    for (const task of tasks) remember(this.outstanding, task.id, task);
    try {
      const outcomes = await transport.dispatch(tasks);
      await this.dispatched(tasks, outcomes);
    } catch (error) {
      const afterMs = Math.min(REDISPATCH_MS, visibilityMs);
      await this.giveBack(tasks.map(({ id: taskId }) => ({ taskId, afterMs })));
      throw error;
    }
  }

  /** Those that begin now: not what has killed its share of processes, and of the suspects one. */
  private async sift(taken: readonly TakenTask[]): Promise<readonly TakenTask[]> {
    const { maxCrashes, visibilityMs } = this.options;
    const alive: TaskReturn[] = [];
    const waiting: TaskReturn[] = [];
    const tasks = taken.filter((task) => {
      // It came into sight while it was at work here: the database was away, or this process stood still.
      if (this.outstanding.has(task.id)) {
        alive.push({ taskId: task.id, afterMs: visibilityMs });
        return true;
      }
      const crashes = task.takes - 1;
      if (crashes >= maxCrashes) void this.fail(task);
      else if (crashes < SUSPECT_FROM || this.suspects.enter(task.id)) return true;
      else waiting.push({ taskId: task.id, afterMs: SUSPECT_PACE_MS * (waiting.length + 1) });
      return false;
    });
    if (alive.length + waiting.length > 0) await this.giveBack([...alive, ...waiting]);
    return tasks;
  }

  private async dispatched(
    tasks: readonly TakenTask[],
    outcomes: readonly DispatchOutcome[],
  ): Promise<void> {
    const served: string[] = [];
    const unserved: string[] = [];
    tasks.forEach(({ id, step, isUnserved }, index) => {
      const isServed = outcomes[index] !== 'unserved';
      if (isServed) this.unserved.delete(id);
      else remember(this.unserved, id, step);
      if (isServed === isUnserved) (isServed ? served : unserved).push(id);
      const reason = this.stopping.get(id);
      if (reason !== undefined) void this.ask([id], reason);
    });
    await this.noteServed(served, unserved);
  }

  /** Remembers what has changed about who serves them. Nothing depends on it but what people are shown. */
  private async noteServed(served: readonly string[], unserved: readonly string[]): Promise<void> {
    const { store, transport, visibilityMs, runtime } = this.options;
    try {
      if (served.length > 0) await store.extendTasks(served, visibilityMs);
      // Within a process only what is served is taken: what is not shows by its not being taken.
      if (unserved.length > 0 && transport.reach === 'network') await store.markUnserved(unserved);
    } catch (error) {
      runtime.logger.warn('Which remote steps nobody serves was not recorded.', { error });
    }
  }

  private async fail({ id: taskId, token, step, attempt, takes }: TakenTask): Promise<void> {
    const { host, runtime, worker } = this.options;
    const error = new RemoteCrashError({ step, attempt, crashes: takes - 1 });
    runtime.logger.error(error.message, { taskId });
    const payload = host.codec.encodeError(error);
    const result = { attempt, ok: false, payload, worker: worker(), startedAt: null };
    try {
      await this.result({ taskId, token, result });
    } catch (failure) {
      runtime.logger.warn('A failed attempt was not recorded; the next take of it tries again.', {
        taskId,
        error: failure,
      });
    }
  }

  private clear(timer: TimerHandle | null): void {
    if (timer !== null) this.options.runtime.scheduler.clearTimer(timer);
  }
}

/** Keeps the youngest. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
