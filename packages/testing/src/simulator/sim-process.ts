/**
 * One simulated app process: boots an engine, and can be killed, paused, drained and started again. A life is the time
 * between a start and the next death; everything that an engine can touch belongs to its life and dies with it.
 */
import type {
  DurableClient,
  EngineOptions,
  StepDefinition,
  Transport,
  WorkerOptions,
  WorkflowDefinition,
} from '@dudousxd/nestjs-durable-core';
import type { Agenda } from './agenda.js';
import { isInjected } from './faults.js';
import { Rng } from './random.js';
import { createSimRuntime, type SimClock } from './sim-runtime.js';
import type { StoreCaller, StoreConnection } from './store-connection.js';

/** The engine as the simulator drives it: `DurableEngine` of the core package. */
export interface SimulatedEngine extends DurableClient {
  registerWorkflow(definition: WorkflowDefinition): void;
  registerStep(definition: StepDefinition): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Abrupt death: no store call and no timer after it. */
  kill(): void;
}

export type EngineFactory = (options: EngineOptions) => SimulatedEngine;

export interface ProcessSpec {
  readonly offsetMs: number;
  readonly drift: number;
  /** False: starts and signals runs, executes none. */
  readonly worker: boolean;
  readonly options: WorkerOptions;
}

export interface ProcessOptions {
  readonly index: number;
  readonly seed: number;
  readonly spec: ProcessSpec;
  readonly agenda: Agenda;
  readonly clock: SimClock;
  readonly createEngine: EngineFactory;
  readonly retry: NonNullable<EngineOptions['retry']>;
  readonly connect: (life: Life) => {
    readonly connection: StoreConnection;
    readonly transport: Transport;
  };
  readonly disconnect: (life: Life) => void;
  readonly definitions: (life: Life) => {
    readonly workflow: WorkflowDefinition;
    readonly step: StepDefinition;
  };
  readonly log: (who: string, text: string) => void;
  readonly fail: (message: string) => void;
  readonly record: (instance: number, text: string) => void;
  /** Runs a task as soon as the event that is running has been drained. */
  readonly atOnce: (task: () => void) => void;
}

/** One life of a process: the owner of its events. */
export class Life implements StoreCaller {
  readonly name: string;
  readonly index: number;
  readonly generation: number;
  dead = false;
  /** Killed while it was stopping. `stop` is one long call, and what is left of it goes nowhere. */
  wasStopping = false;
  private readonly process: SimProcess;

  constructor(process: SimProcess, generation: number) {
    this.process = process;
    this.index = process.index;
    this.generation = generation;
    this.name = process.name;
  }

  get paused(): boolean {
    return this.process.paused;
  }

  nextOrdinal(method: string): number {
    return this.process.nextOrdinal(method);
  }

  crashSoon(reason: string): void {
    this.process.soonIn(this, () => this.process.crash(reason, null));
  }

  pauseSoon(ms: number, reason: string): void {
    this.process.soonIn(this, () => this.process.pause(ms, reason));
  }
}

const SHUTDOWN_MS = 1_000;

export class SimProcess {
  readonly index: number;
  readonly name: string;
  paused = false;
  state: 'down' | 'booting' | 'up' | 'stopping' = 'down';
  engine: SimulatedEngine | null = null;
  life: Life | null = null;
  /** Stays down: the world is coming to its end. */
  retired = false;
  private readonly options: ProcessOptions;
  private readonly ordinals = new Map<string, number>();
  private connection: StoreConnection | null = null;
  private generation = 0;
  private readonly deathListeners = new Set<() => void>();
  private pendingTimers: () => number = () => 0;

  constructor(options: ProcessOptions) {
    this.options = options;
    this.index = options.index;
    this.name = `p${options.index}`;
  }

  nextOrdinal(method: string): number {
    const ordinal = (this.ordinals.get(method) ?? 0) + 1;
    this.ordinals.set(method, ordinal);
    return ordinal;
  }

  /** Calls back once when the present life ends, however it ends. */
  onDeath(listener: () => void): () => void {
    this.deathListeners.add(listener);
    return () => this.deathListeners.delete(listener);
  }

  soonIn(life: Life, task: () => void): void {
    this.options.atOnce(() => {
      if (this.life === life && !life.dead) task();
    });
  }

  boot(): void {
    if (this.state !== 'down' || this.retired) return;
    this.generation += 1;
    this.state = 'booting';
    const life = new Life(this, this.generation);
    this.life = life;
    const engine = this.build(life);
    this.engine = engine;
    this.options.log(this.name, `boot ${this.generation}`);
    engine.start().then(
      () => {
        if (this.life !== life || life.dead) return;
        if (this.state === 'booting') this.state = 'up';
        this.options.log(this.name, 'up');
      },
      (error: unknown) => {
        if (life.dead) return;
        if (!isInjected(error) && this.state !== 'stopping')
          this.options.fail(`start failed: ${String(error)}`);
        this.crash('start failed', 200);
      },
    );
  }

  private build(life: Life): SimulatedEngine {
    const { agenda, clock, createEngine, spec, seed, log, fail } = this.options;
    const runtime = createSimRuntime({
      agenda,
      clock,
      owner: life,
      rng: new Rng(seed, 'ids', this.index, this.generation),
      log,
      isDead: () => life.dead,
      onDeadTimer: () => {
        if (!life.wasStopping) fail(`a dead engine of ${this.name} armed a timer`);
      },
    });
    this.pendingTimers = () => runtime.pendingTimers();
    const { connection, transport } = this.options.connect(life);
    this.connection = connection;
    const engine = createEngine({
      store: connection.port,
      transport,
      worker: spec.worker ? spec.options : false,
      retry: this.options.retry,
      shutdownTimeout: SHUTDOWN_MS,
      runtime,
    });
    const { workflow, step } = this.options.definitions(life);
    engine.registerWorkflow(workflow);
    engine.registerStep(step);
    return engine;
  }

  /** @param restartMs until the next boot; null = the default of the process */
  crash(reason: string, restartMs: number | null): void {
    if (this.life === null || this.life.dead) return;
    this.options.log(this.name, `CRASH ${reason}`);
    this.life.wasStopping = this.state === 'stopping';
    this.engine?.kill();
    this.end();
    this.reboot(restartMs ?? 300);
  }

  pause(ms: number, reason: string): void {
    if (this.paused || this.life === null) return;
    this.options.log(this.name, `PAUSE ${ms} ms ${reason}`);
    this.paused = true;
    this.options.agenda.add({
      owner: ALWAYS,
      actor: 'world',
      label: `resume ${this.name}`,
      delayMs: ms,
      run: () => this.resume(),
    });
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.options.log(this.name, 'RESUME');
  }

  jump(ms: number): void {
    this.options.log(this.name, `CLOCK ${ms} ms`);
    this.options.clock.jump(ms);
  }

  /** SIGTERM: stops as an orderly deploy does, then starts again after `restartMs`; null = stays down. */
  drain(restartMs: number | null): void {
    const { engine, life } = this;
    if (engine === null || life === null || (this.state !== 'up' && this.state !== 'booting'))
      return;
    this.state = 'stopping';
    this.options.log(this.name, 'SIGTERM');
    const done = (error?: unknown) => {
      if (life.dead) return;
      if (error !== undefined && !isInjected(error))
        this.options.fail(`stop failed: ${String(error)}`);
      this.options.log(this.name, 'stopped');
      const timers = this.pendingTimers();
      if (timers > 0 && error === undefined)
        this.options.fail(`${timers} timers are left after stop of ${this.name}`);
      this.end();
      if (restartMs !== null) this.reboot(restartMs);
    };
    engine.stop().then(() => done(), done);
  }

  private end(): void {
    const { life } = this;
    if (life === null) return;
    life.dead = true;
    this.paused = false;
    this.state = 'down';
    this.engine = null;
    this.life = null;
    this.connection?.cut();
    this.connection = null;
    this.options.agenda.removeWhere((event) => event.owner === life);
    this.options.disconnect(life);
    const listeners = [...this.deathListeners];
    this.deathListeners.clear();
    for (const listener of listeners) listener();
  }

  private reboot(ms: number): void {
    this.options.agenda.add({
      owner: ALWAYS,
      actor: 'world',
      label: `restart ${this.name}`,
      delayMs: ms,
      run: () => this.boot(),
    });
  }
}

/** The world itself: never paused. */
export const ALWAYS = { name: 'world', paused: false } as const;
