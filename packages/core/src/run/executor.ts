/** Binds executions of runs to the store, the registry and the other parts of the engine. Decides nothing itself. */
import { ClaimLoop } from '../claim/claim-loop.js';
import type { DatabaseClock } from '../claim/database-clock.js';
import { TakeOverSweep } from '../claim/take-over.js';
import { WokenRuns } from '../claim/woken-runs.js';
import { WorkerLease } from '../claim/worker-lease.js';
import type { Batcher } from '../commit/batcher.js';
import type { TurnDraft } from '../decide/turn-draft.js';
import { LeaseLostError, ShutdownError, UnknownWorkflowError } from '../errors/errors.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival, RemoteResult } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import type { Turn } from '../model/turn.js';
import type { Dispatcher } from '../remote/dispatcher.js';
import { SuspectQueue } from '../remote/suspect-queue.js';
import { startTimer, within } from '../remote/watchdog.js';
import { RemoteActivation } from '../remote/workflow/remote-activation.js';
import { Coroutine } from '../replay/coroutine.js';
import { isIdle, whenIdle } from '../replay/drain.js';
import { captureSite } from '../replay/site.js';
import type { Settings, WorkerSettings } from '../settings.js';
import type { ClaimResult, CommitEnd, StateStore } from '../store/state-store.js';
import { type Patience, untilReachable } from '../store/until-reachable.js';
import type { RemoteWorkflows, ServedWorkflow } from '../transport/remote-workflows.js';
import type { WorkflowDefinition } from '../workflow/definition.js';
import { runIn } from '../workflow/place.js';
import type { Registry } from '../workflow/registry.js';
import { createWorkflowContext } from '../workflow/workflow-context.js';
import type { ActivationRequest, BoundCode, ExecutionHost } from './execution-host.js';
import { guardAgainstForeignCalls } from './foreign-guard.js';
import { ForeignWarnings } from './foreign-warnings.js';
import { LocalStepRunner } from './local-step.js';
import { Probation } from './probation.js';
import { RunExecution } from './run-execution.js';
import { RunReader } from './run-reader.js';
import { RunTable } from './run-table.js';
import { tolerateEarlyRejections } from './unhandled-rejections.js';

export interface ExecutorOptions {
  readonly store: StateStore;
  readonly settings: Settings;
  readonly worker: WorkerSettings;
  readonly registry: Registry;
  readonly clock: DatabaseClock;
  readonly turns: Batcher<Turn, CommitEnd>;
  readonly dispatcher: () => Dispatcher | null;
  /** How long a new task is left to this process to be sent. */
  readonly taskHiddenMs: number;
  /** The way to workflows whose code other processes have, if there is one. */
  readonly elsewhere: RemoteWorkflows | undefined;
  /** Runs that are being created to be executed here. */
  readonly startsUnderWay: () => number;
  /** Whether the run is being created by this process, and its answer is still to come. Without a seed, any of that id. */
  readonly isStarting: (runId: string, seed?: string) => boolean;
  readonly onCommitted: (run: RunRecord, turn: Turn) => void;
  /** There is work that this process does not take. */
  readonly hintOthers: () => void;
}

/**
 * How long a run waits awake for remote results. Longer than most of them take: what comes in time is one commit, what does
 * not costs a suspension and a claim.
 */
const REMOTE_AWAKE_MS = 1_000;
/** How long a process that stops tries to make durable what has ended: a database that is down must not hold it. */
export const MAX_FLUSH_MS = 4_000;
/** How long it tries to give its runs back, however little time there is for all else. */
const MIN_HAND_BACK_MS = 2_000;
const HAND_BACK_PAUSE_MS = 100;

export class Executor {
  readonly lease: WorkerLease;
  private readonly options: ExecutorOptions;
  private readonly table: RunTable;
  private readonly claims: ClaimLoop;
  private readonly woken: WokenRuns;
  private readonly sweep: TakeOverSweep;
  private readonly localSteps: LocalStepRunner;
  private readonly transactions: LocalStepRunner;
  private readonly elsewhereSteps: LocalStepRunner;
  private readonly suspects: SuspectQueue;
  /** Questions to code that is elsewhere. */
  private readonly exchanges = new Set<Promise<void>>();
  private readonly host: ExecutionHost;
  private readonly reader: RunReader;
  private readonly foreign: ForeignWarnings;
  private readonly probation: Probation;
  /** Runs that were woken before the answer to their creation came. */
  private readonly wokenEarly = new Set<string>();
  /** What the process does for workflow code while this engine runs. */
  private guards: (() => void)[] = [];
  private draining = false;
  private stopped = false;

  constructor(options: ExecutorOptions) {
    this.options = options;
    const { store, settings, worker, registry, clock } = options;
    const { runtime, namespace } = settings;
    const serves = () => registry.served();
    this.localSteps = this.newRunner(worker.maxLocalSteps);
    this.transactions = this.newRunner(worker.maxTransactions);
    this.elsewhereSteps = this.newRunner(Number.POSITIVE_INFINITY);
    this.suspects = new SuspectQueue(runtime);
    this.lease = new WorkerLease({
      store,
      runtime,
      clock,
      namespace,
      leaseMs: worker.leaseMs,
      heartbeatMs: worker.heartbeatMs,
      serves,
      onLost: () => this.loseEverything(),
      onHeld: () => this.claims.kick(),
      onBeat: () => this.claims.requestResync(),
    });
    this.woken = new WokenRuns(options.hintOthers);
    this.claims = new ClaimLoop({
      store,
      runtime,
      clock,
      namespace,
      worker: () => this.lease.worker,
      serves,
      capacity: () => worker.maxActiveRuns - this.table.active,
      mayClaim: () => this.mayClaim,
      maxPollMs: worker.maxPollMs,
      onClaiming: (resync) => {
        if (resync) this.table.beginResync();
        this.woken.claiming();
      },
      onClaimed: (result) => this.onClaimed(result),
    });
    this.sweep = new TakeOverSweep({
      store,
      runtime,
      clock,
      leaseMs: worker.leaseMs,
      maxCrashes: worker.maxCrashes,
      onTaken: () => {
        this.claims.kick();
        options.hintOthers();
      },
    });
    this.reader = new RunReader({ store, runtime, worker: () => this.lease.worker });
    this.foreign = new ForeignWarnings(runtime.logger);
    this.probation = new Probation({
      runtime,
      count: (requests) => store.beginProbation(requests),
    });
    this.host = this.createHost();
    this.table = new RunTable({
      runtime,
      residentIdleMs: worker.residentIdleMs,
      residentCount: worker.residentCount,
      create: (run) => new RunExecution(this.host, run),
      load: (run, done) => this.reader.history(run, done),
      probation: this.probation,
    });
  }

  /** @param patience with a database that is away when the worker is registered */
  async start(patience: Patience): Promise<void> {
    this.guards.push(tolerateEarlyRejections());
    if (this.options.settings.detectForeignCalls) this.guards.push(guardAgainstForeignCalls());
    await untilReachable(patience, () => this.lease.start());
    this.sweep.start();
    this.claims.start();
  }

  /** The worker under which a run may be created and executed here at once, or null if it has to be claimed. */
  claimant(workflow: string, version: string): string | null {
    if (this.draining || !this.lease.isHeld) return null;
    const promised = this.options.startsUnderWay();
    if (this.table.active + promised >= this.options.worker.maxActiveRuns) return null;
    return this.options.registry.serves(workflow, version) ? this.lease.worker : null;
  }

  /** Takes in a run that was created as this worker's. */
  adoptCreated(run: RunRecord): void {
    if (run.worker !== this.lease.worker || this.stopped) return;
    this.table.adopt([{ run, arrivals: [] }], run.startedAt ?? run.createdAt);
    if (this.wokenEarly.delete(run.id)) void this.receive([run.id]);
  }

  /** Whether the run is in this process's memory. */
  holds(runId: string): boolean {
    return this.table.get(runId) !== undefined;
  }

  /** Whether this process executes the run now, as far as it knows. */
  executes(runId: string): boolean {
    return this.table.get(runId)?.isOwned ?? false;
  }

  /** Takes the result of a remote attempt into its run, if that is awake here; as `RunExecution.offer`. */
  offer(runId: string, taskId: string, position: number, result: RemoteResult): Promise<boolean> {
    const execution = this.table.get(runId);
    return execution?.offer(taskId, position, result) ?? Promise.resolve(false);
  }

  /** Drops a run that an operator has ended: its running steps are aborted at once. */
  dropEnded(runId: string): void {
    this.table.dropLost(runId);
  }

  /** Runs in this process's memory, suspended ones that are kept included. */
  get resident(): number {
    return this.table.resident;
  }

  /**
   * Runs were woken: if they are owned here or unowned, the next claim finds them. Of those that it does not bring, the
   * other processes are told.
   */
  hint(runIds: readonly string[]): void {
    if (runIds.length === 0) return;
    this.woken.add(runIds.filter((runId) => this.table.get(runId)?.isOwned !== true));
    if (this.mayClaim) this.claims.kick();
    else this.woken.leaveAll();
  }

  /** Other processes have the code of other workflows than before: the next claim is for these too. */
  elsewhereChanged(served: readonly ServedWorkflow[]): void {
    this.options.registry.setElsewhere(served);
    this.lease.announce();
    if (this.mayClaim) this.claims.kick();
  }

  /** Another process has woken runs. */
  hinted(): void {
    this.claims.hinted();
  }

  /** A call that may have given this worker a run got no answer. */
  requestResync(): void {
    this.claims.requestResync();
  }

  /**
   * Stops in the order of trap B49: claim nothing and start no step, let running steps end until the deadline, commit
   * what has ended, fire the signals of the rest, give back what is left. A step that is stopped so is not recorded as
   * failed: it runs again elsewhere, as the same attempt.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.draining = true;
    this.claims.stop();
    this.sweep.stop();
    this.probation.stop();
    this.woken.leaveAll();
    const { runtime } = this.options.settings;
    const runners = [this.localSteps, this.transactions, this.elsewhereSteps];
    const idle = runners.map((runner) => runner.whenIdle());
    await within(runtime, timeoutMs, Promise.all(idle));
    const flushMs = Math.min(timeoutMs, MAX_FLUSH_MS);
    await within(runtime, flushMs, this.settled());
    this.stopped = true;
    this.table.dropAll(new ShutdownError());
    this.lease.stop();
    this.reader.stop();
    this.endGuards();
    const handBackMs = Math.max(flushMs, MIN_HAND_BACK_MS);
    await within(runtime, handBackMs, this.handBack(handBackMs));
  }

  /** Gives every run back; tried again for as long as there is time, else they wait for the end of the lease. */
  private async handBack(timeoutMs: number): Promise<void> {
    const { store, settings, hintOthers } = this.options;
    const { clock, logger } = settings.runtime;
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        const released = await store.releaseWorker(this.lease.worker);
        if (released > 0) hintOthers();
        return;
      } catch (error) {
        if (clock.monotonic() + HAND_BACK_PAUSE_MS >= deadline) throw error;
        logger.warn('Giving back the runs of this worker failed; trying again.', { error });
      }
      await new Promise<void>((resolve) => {
        startTimer(settings.runtime, HAND_BACK_PAUSE_MS, resolve);
      });
    }
  }

  /** Outcomes that are here are delivered, and what they led to is durable. */
  private async settled(): Promise<void> {
    const { turns } = this.options;
    do {
      await Promise.allSettled(this.exchanges);
      await whenIdle();
      await turns.whenIdle();
    } while (!turns.isIdle || !isIdle() || this.exchanges.size > 0);
  }

  kill(): void {
    this.endGuards();
    this.reader.stop();
    this.probation.stop();
    this.stopped = true;
    this.draining = true;
    this.claims.stop();
    this.sweep.stop();
    this.lease.stop();
    this.table.dropAll(new ShutdownError());
  }

  private get mayClaim(): boolean {
    return this.lease.isHeld && !this.draining;
  }

  /** Nothing starts while the process drains, or once its lease is over: a paused process notices here. */
  private mayStartSteps(): boolean {
    if (this.draining) return false;
    this.lease.fenceIfLate();
    return this.lease.isHeld;
  }

  private newRunner(limit: number): LocalStepRunner {
    const { settings, clock } = this.options;
    const { runtime, codec } = settings;
    return new LocalStepRunner({
      runtime,
      codec,
      limit,
      now: () => clock.now(),
      mayStart: () => this.mayStartSteps(),
    });
  }

  private onClaimed(result: ClaimResult): void {
    const { claimed, wakes, owned, now } = result;
    const strangers = this.table
      .endResync(owned)
      .filter(({ id, seed }) => !this.options.isStarting(id, seed));
    this.table.adopt(claimed, now);
    const known = owned.filter(({ id }) => this.holds(id)).map(({ id }) => id);
    void this.receive([...new Set([...wakes, ...known])]);
    this.adoptStrangers(strangers, now);
    this.woken.taken([...claimed.map(({ run }) => run.id), ...wakes, ...owned.map(({ id }) => id)]);
    const nextFollows = result.more && this.table.active < this.options.worker.maxActiveRuns;
    if (!nextFollows) this.woken.claimed();
  }

  /**
   * Runs that this worker owns without knowing: the answer that gave them to it was lost. They are taken in at once, with
   * what has arrived for them to follow: after a wait they might have moved.
   */
  private adoptStrangers(runs: readonly RunRecord[], now: number): void {
    const claimed = runs.map((run) => ({ run, arrivals: [] }));
    this.table.adopt(claimed, now, false);
    void this.receive(runs.map(({ id }) => id));
  }

  private async receive(runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return;
    for (const id of runIds) if (this.options.isStarting(id)) this.wokenEarly.add(id);
    const arrivals = await this.reader.arrivals(runIds);
    for (const [runId, list] of arrivals ?? []) this.table.get(runId)?.receive(list);
  }

  private endGuards(): void {
    for (const end of this.guards) end();
    this.guards = [];
  }

  private loseEverything(): void {
    this.table.dropAll(new LeaseLostError({ runId: '*', worker: this.lease.worker, epoch: 0 }));
  }

  private createHost(): ExecutionHost {
    const { settings, worker, clock, turns } = this.options;
    const { runtime, codec } = settings;
    return {
      decideEnv: {
        codec,
        now: () => clock.now(),
        id: () => runtime.ids.id(),
        secret: () => runtime.ids.secret(),
        random: () => runtime.ids.random(),
        cancelGraceMs: worker.cancelGraceMs,
        cleanupGraceMs: worker.cleanupGraceMs,
        remoteAwakeMs: REMOTE_AWAKE_MS,
        taskHiddenMs: this.options.taskHiddenMs,
      },
      localSteps: this.localSteps,
      transactions: this.transactions,
      elsewhereSteps: this.elsewhereSteps,
      activate: (request) => this.activate(request),
      transact: (request, gate) => this.options.store.transaction(request, gate),
      commit: (turn, done) => turns.add(turn, done),
      reload: (run, done) => this.reload(run, done),
      startTimer: (at, onDue) => this.startTimerAt(at, onDue),
      mayStartSteps: () => this.mayStartSteps(),
      stopTasks: (taskIds) => this.stopTasks(taskIds),
      onCommitted: (run, turn, draft) => this.onCommitted(run, turn, draft),
      onWoken: (runIds) => this.hint(runIds),
      onParked: (execution) => {
        this.table.onParked(execution);
        this.claims.capacityFreed();
      },
      onClosed: (execution) => {
        this.table.onClosed(execution);
        this.claims.capacityFreed();
      },
      onUnserved: (execution) => void this.giveBack(execution),
      onBlocked: (run, error) =>
        runtime.logger.error(error.message, { runId: run.id, workflow: run.workflow }),
    };
  }

  /** Never early: a timer that rings while the database may not be there yet is wound up for the rest. */
  private startTimerAt(at: number, onDue: () => void): () => void {
    const { clock, settings } = this.options;
    let stop = () => {};
    const wind = (delayMs: number) => {
      stop = startTimer(settings.runtime, delayMs, () => {
        const leftMs = clock.untilCertain(at);
        if (leftMs > 0) wind(leftMs);
        else onDue();
      });
    };
    wind(Math.max(0, at - clock.now()));
    return () => stop();
  }

  private onCommitted(run: RunRecord, turn: Turn, draft: TurnDraft): void {
    if (draft.tasks.length > 0) this.options.dispatcher()?.committed(draft.tasks);
    this.hint(turn.children.map(({ id }) => id));
    this.probation.release(run.id);
    this.options.onCommitted(run, turn);
  }

  private async stopTasks(taskIds: readonly string[]): Promise<void> {
    await this.options.dispatcher()?.cancel(taskIds, 'the run no longer needs it');
  }

  private reload(
    run: RunRecord,
    done: (history: readonly HistoryEvent[], arrivals: readonly Arrival[]) => void,
  ): void {
    this.reader.history(run, async (history) => {
      const arrivals = await this.reader.arrivals([run.id]);
      if (arrivals !== null) done(history, arrivals.get(run.id) ?? []);
    });
  }

  private activate(request: ActivationRequest): BoundCode {
    const { registry, elsewhere } = this.options;
    const { workflow, version } = request.run;
    const definition = registry.findWorkflow(workflow, version);
    if (definition !== undefined) return this.activateHere(request, definition);
    if (elsewhere === undefined) throw new UnknownWorkflowError({ workflow, version });
    return this.activateElsewhere(request, elsewhere);
  }

  private activateHere(request: ActivationRequest, definition: WorkflowDefinition): BoundCode {
    const { run, history, onPoisoned } = request;
    const { registry, settings, store } = this.options;
    const { codec, retry, runtime } = settings;
    const input = codec.decode(run.input);
    const activation = new Coroutine({
      runId: run.id,
      workflow: run.workflow,
      history,
      startedAt: run.startedAt ?? run.createdAt,
      captureSite: settings.captureSites ? captureSite : null,
      onForeignCall: (call) => this.foreign.warn(run, call),
      onPoisoned,
    });
    const ctx = createWorkflowContext({
      ...{ run, coroutine: activation, codec, retry, store },
      logger: runtime.logger,
      findStep: (method) => registry.findStep(method),
      resolveWorkflow: (reference, wanted) => registry.require(reference, wanted),
    });
    const start = async () => definition.run(ctx, input as never);
    return { activation, body: () => runIn(activation, null, start) };
  }

  private activateElsewhere(request: ActivationRequest, elsewhere: RemoteWorkflows): BoundCode {
    const { registry, settings, worker } = this.options;
    const { workflow: name, version } = request.run;
    const activation = new RemoteActivation({
      ...request,
      codec: settings.codec,
      retry: settings.retry,
      open: () => elsewhere.open({ name, version }),
      maxCrashes: worker.maxRemoteCrashes,
      admit: (crashes) => this.suspects.admit(crashes),
      resolveWorkflow: (reference, wanted) => registry.require(reference, wanted),
      follow: (exchange) => {
        this.exchanges.add(exchange);
        void exchange.finally(() => this.exchanges.delete(exchange));
      },
    });
    return { activation, body: async () => undefined };
  }

  /** Nobody has the run's code now. Where that fails the run is found again by the next comparison of what is owned. */
  private async giveBack(execution: RunExecution): Promise<void> {
    const { store, settings } = this.options;
    const { runId, worker, epoch } = execution;
    try {
      await store.releaseRun(runId, worker, epoch);
    } catch (error) {
      settings.runtime.logger.warn('Giving back a run that nobody serves now failed.', {
        runId,
        error,
      });
    }
    execution.drop(new LeaseLostError({ runId, worker, epoch }));
  }
}
