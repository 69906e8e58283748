/** The composition root: wires the services together and forwards calls. No logic lives here. */
import { DatabaseClock } from './claim/database-clock.js';
import { HintSender } from './claim/hint-sender.js';
import { OutboxSweep } from './claim/outbox-sweep.js';
import { answerCall } from './client/answer-call.js';
import { RunOperator } from './client/run-operator.js';
import { againWhileBusy, RunStarter, type Start } from './client/run-starter.js';
import { Signaller } from './client/signaller.js';
import { AGAIN, type Again, Batcher } from './commit/batcher.js';
import type {
  DurableClient,
  EngineOptions,
  HistoryEntry,
  ListFilter,
  RunList,
  RunResult,
  RunView,
  SignalOptions,
  SignalResult,
  StartOptions,
  StartResult,
} from './engine-types.js';
import { NotStartedError, ShutdownError } from './errors/errors.js';
import type { InboxMessage, SignalMessage } from './model/message.js';
import type { RunRecord } from './model/run.js';
import type { Turn } from './model/turn.js';
import { Lifecycle, type LifecycleListener } from './observe/lifecycle.js';
import { RunWaiters } from './observe/run-waiters.js';
import { contractHandler } from './remote/contract-handler.js';
import { Dispatcher, livenessFor } from './remote/dispatcher.js';
import { within } from './remote/watchdog.js';
import { Executor, MAX_FLUSH_MS } from './run/executor.js';
import { resolveSettings, type Settings } from './settings.js';
import type { CommitEnd, CreateOutcome, DeliverResult, StateStore } from './store/state-store.js';
import { untilReachable } from './store/until-reachable.js';
import { warnOfSettings } from './store/warn-of-settings.js';
import { InProcessTransport } from './transport/in-process.js';
import type { Transport, TransportHost } from './transport/transport.js';
import type { StepDefinition, WorkflowDefinition } from './workflow/definition.js';
import type { Duration } from './workflow/duration.js';
import { Registry } from './workflow/registry.js';

/** How long a process that stops waits for the last word to the others, and for the store to close. */
const MAX_CLOSE_MS = 1_500;

/**
 * Executes durable workflows on a store, and serves the application's calls about them. Register workflows and steps
 * first, then `start()`. Any number of engines, in any number of processes, may share one database.
 */
export class DurableEngine implements DurableClient {
  private readonly store: StateStore;
  private readonly settings: Settings;
  private readonly registry = new Registry();
  private readonly lifecycle: Lifecycle;
  private readonly waiters: RunWaiters;
  private readonly clock: DatabaseClock;
  private readonly turns: Batcher<Turn, CommitEnd>;
  private readonly starts: Batcher<Start, CreateOutcome>;
  /** Apart from the others, which must not wait for them. */
  private readonly heldStarts: Batcher<Start, CreateOutcome>;
  private readonly messages: Batcher<InboxMessage, DeliverResult>;
  private readonly signals: Batcher<SignalMessage, DeliverResult>;
  private readonly transport: Transport;
  private readonly executor: Executor | null;
  private readonly dispatcher: Dispatcher | null;
  private readonly starter: RunStarter;
  private readonly operator: RunOperator;
  private readonly signaller: Signaller;
  private readonly hints: HintSender;
  private stopListening: () => void = () => {};
  private readonly outbox: OutboxSweep;
  private phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  private started: Promise<void> = Promise.resolve();
  private isBooted = false;
  private ended: Promise<void> | null = null;

  /** @throws InvalidArgumentError naming the option that cannot be used */
  constructor(options: EngineOptions) {
    const { store } = options;
    this.store = store;
    this.settings = resolveSettings(options);
    const { runtime } = this.settings;
    this.lifecycle = new Lifecycle(runtime.logger);
    this.waiters = new RunWaiters({
      find: (runId) => this.findRun(runId),
      isExecuted: (runId) => this.executor?.executes(runId) ?? false,
      runtime,
    });
    this.clock = new DatabaseClock(runtime.clock);
    this.transport = options.transport ?? new InProcessTransport();
    const lanes = store.capabilities.writeLanes;
    this.turns = this.batcher('Writing turns', (turns) => this.commit(turns), measureTurn, lanes);
    this.starts = this.batcher(
      'Writing starts',
      (starts) => this.createRuns(starts),
      ({ run }) => one(run.input),
      lanes,
    );
    this.heldStarts = this.batcher(
      'Writing starts that others hold up',
      async (starts) =>
        againWhileBusy(
          starts,
          await this.createRuns(starts),
          runtime.clock.monotonic(),
          this.settings.busyTimeoutMs,
        ),
      ({ run }) => one(run.input),
    );
    this.messages = this.batcher(
      'Writing messages',
      (messages) => store.deliver(messages),
      () => one(''),
    );
    this.signals = this.batcher(
      'Writing signals',
      (signals) => store.signal(signals),
      ({ payload }) => one(payload),
    );
    this.hints = new HintSender({ store, runtime, namespace: this.settings.namespace });
    this.executor = this.createExecutor();
    this.dispatcher = this.createDispatcher();
    this.starter = this.createStarter();
    this.operator = this.createOperator();
    const onWoken = (runIds: readonly string[]) => this.onWoken(runIds);
    this.outbox = new OutboxSweep({ store, runtime, onWoken });
    this.signaller = new Signaller({
      settings: this.settings,
      store,
      signals: this.signals,
      onWoken,
      onSentIn: () => this.outbox.kick(),
    });
  }

  /** @throws DuplicateRegistrationError, InvalidArgumentError */
  registerWorkflow(definition: WorkflowDefinition): void {
    this.registry.addWorkflow(definition);
  }

  /** @throws DuplicateRegistrationError, InvalidArgumentError */
  registerStep(definition: StepDefinition): void {
    this.registry.addStep(definition);
  }

  /** Migrates the schema (unless `autoSchema` is false), registers this worker and begins to execute runs. */
  start(): Promise<void> {
    if (this.phase !== 'new') throw new ShutdownError();
    this.phase = 'running';
    this.started = this.boot();
    return this.started;
  }

  private async boot(): Promise<void> {
    const { runtime, namespace, autoSchema, startTimeoutMs: limitMs } = this.settings;
    const isOver = () => this.phase !== 'running';
    const patience = {
      store: this.store,
      runtime,
      limitMs,
      since: runtime.clock.monotonic(),
      isOver,
    };
    await untilReachable(patience, () =>
      autoSchema ? this.store.migrate() : this.store.verifySchema(),
    );
    await warnOfSettings(this.store, runtime.logger);
    if (this.executor !== null) {
      const { executor } = this;
      this.stopListening = this.store.onHint((of) => {
        if (of === null || of === namespace) executor.hinted();
      });
      const handlers = this.registry.contractSteps().map(contractHandler);
      await this.transport.serve(handlers, this.executor.lease.worker, this.transportHost());
      await this.dispatcher?.start();
      await this.executor.start(patience);
    }
    this.outbox.start();
    this.isBooted = true;
  }

  /**
   * Stops: claims nothing more, waits up to the shutdown time for running steps, aborts the rest, commits what has ended
   * and gives every run back. Runs go on in other processes at once. The second call returns the first one's end.
   */
  stop(): Promise<void> {
    if (this.phase === 'new') return Promise.resolve();
    this.ended ??= this.shutDown();
    return this.ended;
  }

  /** Every stage has an end of its own, and one that fails does not keep the others from being done. */
  private async shutDown(): Promise<void> {
    if (this.phase === 'stopped') return;
    this.phase = 'stopping';
    // A start that is under way would go on after the stop; whether it failed is its caller's business.
    await Promise.allSettled([this.started]);
    const { shutdownTimeoutMs, runtime } = this.settings;
    const flushMs = Math.min(shutdownTimeoutMs, MAX_FLUSH_MS);
    this.stopListening();
    this.dispatcher?.stopTaking();
    this.outbox.stop();
    const stages = await Promise.allSettled([
      this.transport.close(shutdownTimeoutMs),
      this.executor?.stop(shutdownTimeoutMs),
    ]);
    const writers = [this.starts, this.heldStarts, this.messages, this.signals];
    const idle = Promise.all(writers.map((batcher) => batcher.whenIdle()));
    stages.push(
      ...(await Promise.allSettled([
        within(runtime, MAX_FLUSH_MS, this.stopDispatching(flushMs)),
        within(runtime, flushMs, idle),
      ])),
    );
    await within(runtime, MAX_CLOSE_MS, this.hints.flush());
    this.hints.stop();
    this.turns.kill();
    // Whoever waits for an answer would wait for ever, and keep what waits for him from ending.
    for (const batcher of writers) batcher.end(new ShutdownError());
    this.waiters.stop();
    const closed = within(runtime, MAX_CLOSE_MS, this.store.close());
    stages.push(...(await Promise.allSettled([closed])));
    this.phase = 'stopped';
    const failed = stages.find((stage) => stage.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  private async stopDispatching(flushMs: number): Promise<void> {
    await this.dispatcher?.stop(flushMs);
  }

  /** Dies at once, as a killed process would: nothing more reaches the store, all timers are gone. For tests. */
  kill(): void {
    this.phase = 'stopped';
    this.stopListening();
    this.hints.stop();
    for (const batcher of [this.turns, this.starts, this.heldStarts, this.messages, this.signals])
      batcher.kill();
    this.outbox.stop();
    this.dispatcher?.kill();
    this.executor?.kill();
    this.waiters.kill();
  }

  /** Listens to what commits in this process. Returns a function that removes the listener. */
  on(listener: LifecycleListener): () => void {
    return this.lifecycle.on(listener);
  }

  /** Runs in this process's memory, suspended ones that are kept included. */
  get residentRuns(): number {
    return this.executor?.resident ?? 0;
  }

  startRun(workflow: unknown, input: unknown, options?: StartOptions): Promise<StartResult> {
    const transaction = options?.transaction;
    if (options === undefined || transaction === undefined)
      return this.whileRunning(() => this.starter.start(workflow, input, options));
    return this.withTransaction(() => this.starter.startIn(transaction, workflow, input, options));
  }

  signal(token: string, payload?: unknown, options?: SignalOptions): Promise<SignalResult> {
    const transaction = options?.transaction;
    if (options === undefined || transaction === undefined)
      return this.whileRunning(() => this.signaller.send(token, payload, options));
    return this.withTransaction(() => this.signaller.sendIn(transaction, token, payload, options));
  }

  waitForRun(runId: string, options: { readonly timeout?: Duration } = {}): Promise<RunResult> {
    return this.whileRunning(() => this.operator.wait(runId, options.timeout));
  }

  getRun(runId: string): Promise<RunView> {
    return this.whileRunning(() => this.operator.get(runId));
  }

  listRuns(filter?: ListFilter, cursor?: string | null): Promise<RunList> {
    return this.whileRunning(() => this.operator.list(filter, cursor));
  }

  history(
    runId: string,
    options: { readonly branch?: number } = {},
  ): Promise<readonly HistoryEntry[]> {
    return this.whileRunning(() => this.operator.history(runId, options.branch));
  }

  cancel(runId: string, reason?: string): Promise<RunView> {
    return this.whileRunning(() => this.operator.cancel(runId, reason));
  }

  terminate(runId: string, reason?: string): Promise<RunView> {
    return this.whileRunning(() => this.operator.terminate(runId, reason));
  }

  retry(runId: string): Promise<RunView> {
    return this.whileRunning(() => this.operator.retry(runId));
  }

  deleteRun(runId: string): Promise<void> {
    return this.whileRunning(() => this.operator.delete(runId));
  }

  /** At once, if it can be: a synchronous driver's transaction does not wait. */
  private withTransaction<T>(call: () => Promise<T>): Promise<T> {
    if (!this.isBooted) return this.whileRunning(call);
    this.requireRunning();
    return call();
  }

  private requireRunning(): void {
    if (this.phase === 'new') throw new NotStartedError();
    if (this.phase === 'stopping' || this.phase === 'stopped') throw new ShutdownError();
  }

  private async whileRunning<T>(call: () => Promise<T>): Promise<T> {
    this.requireRunning();
    await this.started;
    return call();
  }

  private batcher<I, O>(
    what: string,
    send: (items: readonly I[]) => Promise<readonly (O | Again)[]>,
    measure: (item: I) => { readonly rows: number; readonly bytes: number },
    lanes = 1,
  ): Batcher<I, O> {
    const { scheduler, logger } = this.settings.runtime;
    return new Batcher({
      what,
      send,
      measure,
      scheduler,
      logger,
      retryable: () => this.phase !== 'stopped',
      lanes,
    });
  }

  private async commit(turns: readonly Turn[]): Promise<readonly (CommitEnd | Again)[]> {
    const results = await this.store.commit(turns);
    return results.map(({ outcome, woken }) => (outcome === 'busy' ? AGAIN : { outcome, woken }));
  }

  private async createRuns(starts: readonly Start[]): Promise<readonly CreateOutcome[]> {
    const answers = new Map<Start, CreateOutcome>();
    try {
      for (const [claim, group] of Map.groupBy(starts, (start) => start.claim)) {
        const outcomes = await this.store.createRuns({ runs: group.map(({ run }) => run), claim });
        outcomes.forEach((outcome, index) => {
          const start = group[index];
          if (start !== undefined) answers.set(start, outcome);
        });
      }
    } catch (error) {
      this.executor?.requestResync();
      throw error;
    }
    return starts.flatMap((start) => answers.get(start) ?? []);
  }

  private createExecutor(): Executor | null {
    const { worker } = this.settings;
    if (worker === null) return null;
    return new Executor({
      store: this.store,
      settings: this.settings,
      worker,
      registry: this.registry,
      clock: this.clock,
      turns: this.turns,
      dispatcher: () => this.dispatcher,
      taskHiddenMs: this.transport.reach === 'network' ? worker.leaseMs : 0,
      elsewhere: this.transport.workflows,
      startsUnderWay: () => this.starter.claimedUnderWay,
      isStarting: (runId, seed) => this.starter.isStarting(runId, seed),
      onCommitted: (run, turn) => this.onCommitted(run, turn),
      hintOthers: () => this.hints.send(),
    });
  }

  private transportHost(): TransportHost {
    const { codec, runtime, namespace, worker } = this.settings;
    const crashes = worker === null ? {} : { maxCrashes: worker.maxRemoteCrashes };
    return { codec, runtime, namespace, livenessMs: livenessFor(worker?.leaseMs ?? 0), ...crashes };
  }

  private createDispatcher(): Dispatcher | null {
    const { executor } = this;
    const { worker, runtime, namespace } = this.settings;
    if (executor === null || worker === null) return null;
    return new Dispatcher({
      store: this.store,
      transport: this.transport,
      host: this.transportHost(),
      runtime,
      clock: this.clock,
      namespace,
      worker: () => executor.lease.worker,
      served: () => this.registry.contractSteps().flatMap(({ contract }) => contract?.name ?? []),
      visibilityMs: worker.leaseMs,
      maxCrashes: worker.maxRemoteCrashes,
      onWoken: (runIds) => executor.hint(runIds),
      offer: ({ runId, id, position }, result) => executor.offer(runId, id, position, result),
      onWorkflows: (served) => executor.elsewhereChanged(served),
      onCall: (call) => answerCall(call, this, this.settings.codec),
    });
  }

  private createStarter(): RunStarter {
    return new RunStarter({
      store: this.store,
      settings: this.settings,
      registry: this.registry,
      starts: this.starts,
      heldStarts: this.heldStarts,
      claimant: (workflow, version) => this.executor?.claimant(workflow, version) ?? null,
      onCreated: (run) => {
        this.lifecycle.created(run);
        if (run.worker === null) this.onWoken([run.id]);
        else this.executor?.adoptCreated(run);
      },
      onCreatedIn: (runId) => this.executor?.hint([runId]),
      onFoundOwn: () => this.executor?.requestResync(),
    });
  }

  private createOperator(): RunOperator {
    return new RunOperator({
      store: this.store,
      settings: this.settings,
      waiters: this.waiters,
      messages: this.messages,
      isHere: (runId) => this.executor?.holds(runId) ?? false,
      onWoken: (runIds) => this.onWoken(runIds),
      onEnded: (run) => this.onEnded(run),
    });
  }

  /** Runs were woken by this process, which may not be the one to execute them. */
  private onWoken(runIds: readonly string[]): void {
    if (this.executor !== null) this.executor.hint(runIds);
    else if (runIds.length > 0) this.hints.send();
  }

  private async findRun(runId: string): Promise<RunRecord | undefined> {
    const run = await this.store.getRun(runId);
    return run?.namespace === this.settings.namespace ? run : undefined;
  }

  /** A run was ended from outside. */
  private onEnded(run: RunRecord): void {
    this.executor?.dropEnded(run.id);
    this.dispatcher?.cancelRun(run.id, run.reason ?? 'terminated');
    this.lifecycle.ended(run);
    this.waiters.notify(run.id, run);
  }

  private onCommitted(run: RunRecord, turn: Turn): void {
    this.lifecycle.committed(run, turn);
    const { change } = turn;
    if (change?.to === 'settled') this.waiters.notify(run.id, { id: run.id, ...change.outcome });
    if (change?.to === 'blocked') {
      const { reason, error } = change;
      this.waiters.notify(run.id, { id: run.id, status: 'blocked', output: null, error, reason });
    }
  }
}

function measureTurn({ events, waits, tasks, children, messages }: Turn): {
  rows: number;
  bytes: number;
} {
  let bytes = 0;
  for (const { payload } of events) bytes += payload?.length ?? 0;
  const rows = events.length + waits.length + tasks.length + children.length + messages.length + 1;
  return { rows, bytes };
}

function one(text: string): { rows: number; bytes: number } {
  return { rows: 1, bytes: text.length };
}
