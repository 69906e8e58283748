/**
 * A simulated world: processes, one database, one broker, a client, and time. Runs a scenario from its boot through the
 * fault phase, the healing and the end, and judges it by the invariants.
 */
import { InMemoryStateStore, type StateStore } from '@dudousxd/nestjs-durable-core';
import { Agenda, type AgendaEvent } from './agenda.js';
import { Broker } from './broker.js';
import { drain } from './drain.js';
import { Driver } from './driver.js';
import { EventLog } from './event-log.js';
import { FaultPlan } from './faults.js';
import { HintBoard } from './hint-board.js';
import { checkBodyStart } from './invariants/body-start.js';
import { checkAtRest } from './invariants/runs.js';
import { Ledger } from './ledger.js';
import { Observer } from './observer.js';
import { ProcessFaults } from './process-faults.js';
import { type Program, walkProgram } from './program.js';
import { Rng } from './random.js';
import { Rest } from './rest.js';
import type { Scenario } from './scenario.js';
import { ALWAYS, type EngineFactory, type Life, SimProcess } from './sim-process.js';
import { SimClock } from './sim-runtime.js';
import { StoreConnection } from './store-connection.js';
import { Violations } from './violations.js';
import { Workload } from './workload.js';

/** What a world is made with, beside its scenario. */
export interface WorldOptions {
  readonly createEngine: EngineFactory;
  /** Puts a bug into the store. */
  readonly mutate?: (store: StateStore, now: () => number) => StateStore;
  readonly keepLines: number;
  readonly onCall?: (instance: number, method: string, ordinal: number) => void;
}

/** Virtual time at which every world begins. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

const MAX_STEPS = 20_000;
/** What I2 allows beside leases and polls. */
const PATIENCE_MS = 10_000;

const DATABASE = { name: 'database', paused: false } as const;

/**
 * A database's answer that took its time is no sample, so an estimate may be older than the last answer: the engine
 * leaves out answers that are more than a few milliseconds behind.
 */
const CLOCK_TOLERANCE_MS = 10;

export class World {
  readonly scenario: Scenario;
  readonly agenda: Agenda;
  readonly plan: FaultPlan;
  readonly log: EventLog;
  readonly violations: Violations;
  readonly ledger = new Ledger();
  readonly observer: Observer;
  readonly store: StateStore;
  readonly programs: ReadonlyMap<string, Program>;
  readonly driver: Driver;
  readonly processes: readonly SimProcess[];
  /** Worker id → index of its process. */
  readonly workers = new Map<string, number>();
  /** Index of a process → when the database told it the time, the last time and the one before. */
  private readonly sampledAt = new Map<number, readonly [last: number, before: number]>();
  private readonly options: WorldOptions;
  private readonly rest: Rest;
  private readonly broker: Broker;
  private readonly hints: HintBoard;
  private readonly workload: Workload;
  private urgent: (() => void)[] = [];
  /** What dying processes still try is of no interest. */
  private over = false;

  constructor(scenario: Scenario, options: WorldOptions) {
    this.scenario = scenario;
    this.options = options;
    const { seed } = scenario;
    this.log = new EventLog(options.keepLines);
    this.agenda = new Agenda(EPOCH_MS, scenario.schedule, new Rng(seed, 'schedule'));
    const now = () => this.agenda.now;
    this.violations = new Violations(() => ({ step: this.agenda.steps, at: now() - EPOCH_MS }));
    this.plan = new FaultPlan(seed, scenario.faults, scenario.leaseMs);
    const store = new InMemoryStateStore({ clock: { now } });
    this.store = options.mutate?.(store, now) ?? store;
    this.observer = new Observer({
      store: this.store,
      now,
      violations: this.violations,
      allowanceMs: (worker) => this.allowanceMs(this.workers.get(worker) ?? -1),
    });
    this.rest = new Rest({ observer: this.observer, store: this.store, now });
    this.programs = programsByKey(scenario.programs);
    this.broker = new Broker({
      seed,
      agenda: this.agenda,
      plan: this.plan,
      owner: ALWAYS,
      log: this.say,
    });
    const { agenda, plan } = this;
    this.hints = new HintBoard({ seed, agenda, plan, log: this.say });
    this.workload = new Workload({
      seed,
      agenda: this.agenda,
      ledger: this.ledger,
      programs: this.programs,
      runOf: (runId) => this.observer.runs.get(runId),
      ownerOf: (runId) => this.ownerOf(runId),
      durableSeq: (runId, branch) => this.observer.book(runId, branch).events.length,
      onBodyStart: (body) => checkBodyStart(this, body),
      onWrongProgress: ({ runId, node }, difference) =>
        this.violations.add('API', `step n${node} of ${runId} was told the progress ${difference}`),
    });
    this.processes = scenario.processes.map((_, index) => this.createProcess(index));
    this.driver = new Driver({
      seed,
      agenda: this.agenda,
      processes: this.processes,
      violations: this.violations,
      log: this.say,
    });
  }

  /** Boots, runs the fault phase and heals; resolves when nothing is left to happen or something is broken. */
  async run(): Promise<void> {
    const onRejection = (error: unknown) =>
      this.violations.add('I20', `unhandled rejection: ${describe(error)}`);
    process.on('unhandledRejection', onRejection);
    try {
      this.prepare();
      await this.runUntil(() => this.isQuiet(), this.scenario.faultPhaseMs + this.patience());
      this.heal();
      if (!this.violations.found) checkAtRest(this);
      await this.rescue();
      if (this.scenario.drainAtEnd) await this.drainAll();
    } finally {
      this.over = true;
      for (const one of this.processes) {
        one.retired = true;
        one.crash('the end', null);
      }
      await drain();
      process.off('unhandledRejection', onRejection);
    }
  }

  /** Virtual milliseconds since the start. */
  get elapsedMs(): number {
    return this.agenda.now - EPOCH_MS;
  }

  /** Index of the process that owns the run, by the store's books. */
  ownerOf(runId: string): number | undefined {
    return this.workers.get(this.observer.runs.get(runId)?.worker ?? '');
  }

  /**
   * How far a process's estimate of the database's time can have been ahead when it decided what it does now: its drift
   * since the last answer but one, as the last may have come between the decision and the deed.
   */
  allowanceMs(index: number): number {
    const drift = Math.max(0, this.scenario.processes[index]?.drift ?? 0);
    const [, before] = this.sampledAt.get(index) ?? [0, EPOCH_MS];
    return Math.ceil((this.agenda.now - before) * drift) + CLOCK_TOLERANCE_MS;
  }

  private noteSample(index: number): void {
    const [last] = this.sampledAt.get(index) ?? [EPOCH_MS];
    this.sampledAt.set(index, [this.agenda.now, last]);
  }

  readonly say = (who: string, text: string): void => {
    this.log.add({ step: this.agenda.steps, at: this.agenda.now - EPOCH_MS, who, text });
  };

  private createProcess(index: number): SimProcess {
    const { scenario, agenda } = this;
    const spec = scenario.processes[index];
    if (spec === undefined) throw new RangeError(`no process ${index}`);
    return new SimProcess({
      index,
      seed: scenario.seed,
      spec,
      agenda,
      clock: new SimClock(agenda, spec.offsetMs, spec.drift),
      createEngine: this.options.createEngine,
      retry: { maxAttempts: 3, initialDelay: 50, factor: 2 },
      connect: (life) => this.connect(life),
      disconnect: (life) => {
        this.broker.disconnect(life);
        this.ledger.killed(life.index, agenda.now);
      },
      definitions: (life) => this.workload.definitions(life),
      log: this.say,
      fail: (message) => {
        if (!this.over) this.violations.add('I20', message);
      },
      record: (instance, text) =>
        this.plan.record({ id: `p:${text}`, at: agenda.now, instance, text }),
      atOnce: (task) => this.urgent.push(task),
    });
  }

  private connect(life: Life) {
    const connection = new StoreConnection({
      seed: this.scenario.seed,
      caller: life,
      agenda: this.agenda,
      plan: this.plan,
      observer: this.observer,
      store: this.store,
      database: DATABASE,
      hints: this.hints,
      log: this.say,
      onDeadCall: (method) => {
        if (!life.wasStopping)
          this.violations.add('I20', `a dead engine of ${life.name} called ${method}`);
      },
      onCall: (method, ordinal, args) => this.noteCall(life, { method, ordinal, args }),
      onAnswer: (method) => {
        if (method === 'claim' || method === 'heartbeat') this.noteSample(life.index);
      },
    });
    return { connection, transport: this.broker.connect(life) };
  }

  private noteCall(
    life: Life,
    call: { method: string; ordinal: number; args: readonly unknown[] },
  ): void {
    this.options.onCall?.(life.index, call.method, call.ordinal);
    if (call.method !== 'heartbeat' && call.method !== 'claim') return;
    const { worker } = call.args[0] as { readonly worker: string };
    this.workers.set(worker, life.index);
  }

  private prepare(): void {
    const { scenario } = this;
    for (const one of this.processes) this.at(one.index * 3, `boot ${one.name}`, () => one.boot());
    for (const action of scenario.actions) this.driver.plan(action);
    const { agenda, plan, processes } = this;
    const faults = new ProcessFaults({ agenda, plan, spec: scenario.faults, processes });
    for (const fault of scenario.faults.process) {
      this.at(fault.atMs, `fault ${fault.kind}`, () => faults.inject(fault));
    }
    this.at(scenario.faultPhaseMs, 'heal', () => this.heal());
  }

  private at(delayMs: number, label: string, run: () => void): AgendaEvent {
    return this.agenda.add({ owner: ALWAYS, actor: 'world', label, delayMs, run });
  }

  private heal(): void {
    if (!this.plan.active) return;
    this.say('world', 'HEAL');
    this.plan.heal();
    for (const one of this.processes) {
      one.resume();
      if (one.state === 'down') one.boot();
    }
  }

  /** How long nothing may happen before a run counts as stuck (I2). */
  private patience(): number {
    return 2 * this.scenario.leaseMs + 2 * this.scenario.maxPollMs + PATIENCE_MS;
  }

  /** Sends what the runs still wait for until every run has ended. */
  private async rescue(): Promise<void> {
    for (let round = 1; !this.violations.found && !this.rest.allEnded(); round += 1) {
      if (round > 60) {
        this.violations.add(
          'I2',
          `after ${round} rounds of signals there are still runs: ${this.describeOpen()}`,
        );
        return;
      }
      for (const token of this.rest.openTokens()) {
        this.driver.plan({
          do: 'signal',
          atMs: 0,
          token,
          id: `rescue-${round}-${token}`,
          copies: 1,
        });
      }
      await this.runUntil(() => this.isQuiet(), this.patience());
    }
  }

  private async drainAll(): Promise<void> {
    for (const one of this.processes) {
      one.retired = true;
      one.drain(null);
    }
    const down = () => this.processes.every((one) => one.state === 'down');
    await this.runUntil(down, this.patience());
  }

  private async runUntil(
    done: () => boolean | Promise<boolean>,
    patienceMs: number,
  ): Promise<void> {
    const limit = this.agenda.now + patienceMs;
    let lastWrite = this.observer.writes;
    let deadline = limit;
    while (!this.violations.found && !(await done())) {
      if (this.observer.writes !== lastWrite) {
        lastWrite = this.observer.writes;
        deadline = Math.max(deadline, this.agenda.now + patienceMs);
      }
      deadline = Math.max(deadline, this.rest.lastTimerAt() + patienceMs);
      if (this.agenda.now > deadline) {
        this.violations.add(
          'I2',
          `nothing has happened for ${patienceMs} ms: ${this.describeOpen()}`,
        );
        return;
      }
      if (this.agenda.steps > MAX_STEPS) {
        this.violations.add('I2', `no end after ${MAX_STEPS} steps: ${this.describeOpen()}`);
        return;
      }
      if (!(await this.step())) return;
    }
  }

  private async step(): Promise<boolean> {
    const event = this.agenda.take();
    if (event === null) return false;
    if (event.quiet !== true) this.say(event.owner.name, event.label);
    await event.run();
    if (event.quiet !== true) await drain();
    while (this.urgent.length > 0) {
      const tasks = this.urgent;
      this.urgent = [];
      for (const task of tasks) task();
      await drain();
    }
    return true;
  }

  private async isQuiet(): Promise<boolean> {
    return this.driver.open === 0 && (await this.rest.isQuiet());
  }

  private describeOpen(): string {
    return `${this.rest.describe()}; the client waits for ${this.driver.open}`;
  }
}

function programsByKey(programs: readonly Program[]): ReadonlyMap<string, Program> {
  const found = new Map<string, Program>();
  for (const program of programs) {
    found.set(program.key, program);
    for (const node of walkProgram(program, true))
      if (node.t === 'child') found.set(node.program.key, node.program);
  }
  return found;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
