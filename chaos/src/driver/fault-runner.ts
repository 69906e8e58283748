/** Lets the planned faults hit. One at a time per application: what hits it next waits until it is up again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../program/random.js';
import type { AppProcess, Ending } from './app-process.js';
import type { FaultLog } from './fault-log.js';
import type { PlannedFault, PlannedKind } from './plan.js';
import type { Hole, TcpProxy } from './tcp-proxy.js';

export interface Victim {
  readonly app: AppProcess;
  readonly proxy: TcpProxy;
}

export interface FaultRunnerOptions {
  readonly victims: readonly Victim[];
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly log: FaultLog;
  readonly random: Random;
  crashDatabase(): Promise<void>;
  restartDatabase(): Promise<void>;
  /** Ends all connections of applications. Answers how many. */
  terminateBackends(): Promise<number>;
  /** Lets a step of the application keep its event loop busy; resolves when that is over. */
  block(app: AppProcess, ms: number): Promise<void>;
}

/** What everybody suffers. */
const SHARED: ReadonlySet<PlannedKind> = new Set(['database', 'terminate']);
const HOLES: readonly Hole[] = ['both', 'toServer', 'toClient'];

export class FaultRunner {
  /** What went wrong about a fault itself. */
  readonly problems: string[] = [];
  /** How long processes took to end after SIGTERM. */
  readonly shutdownMs: number[] = [];
  readonly #options: FaultRunnerOptions;
  readonly #busy = new Set<Victim>();
  /** When each has recovered from its last fault: it is given some time to work before the next. */
  readonly #recoveredAt = new Map<Victim, number>();
  #holes = 0;
  #isDatabaseDown = false;

  constructor(options: FaultRunnerOptions) {
    this.#options = options;
  }

  /** Resolves when all faults have hit and everything is up again. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const startedAt = performance.now();
    const running: Promise<void>[] = [];
    for (const { kind, atMs } of plan) {
      await delay(Math.max(0, startedAt + atMs - performance.now()));
      running.push(this.#hit(kind).catch((error) => this.#failed(kind, error)));
    }
    await Promise.all(running);
  }

  #failed(kind: PlannedKind, error: unknown): void {
    this.problems.push(`${kind}: ${error instanceof Error ? error.stack : String(error)}`);
  }

  async #hit(kind: PlannedKind): Promise<void> {
    if (SHARED.has(kind)) {
      await (kind === 'database' ? this.#restart() : this.#terminateBackends());
      return;
    }
    const victim = await this.#choose();
    try {
      await this.#hitOne(kind, victim);
    } finally {
      this.#recoveredAt.set(victim, performance.now());
      this.#busy.delete(victim);
    }
  }

  async #choose(): Promise<Victim> {
    for (;;) {
      const free = this.#options.victims.filter((victim) => this.#isFree(victim));
      if (free.length > 0) {
        const victim = this.#options.random.pick(free);
        this.#busy.add(victim);
        return victim;
      }
      await delay(50);
    }
  }

  #isFree(victim: Victim): boolean {
    if (this.#busy.has(victim)) return false;
    const recoveredAt = this.#recoveredAt.get(victim);
    return recoveredAt === undefined || performance.now() - recoveredAt > this.#options.leaseMs;
  }

  async #hitOne(kind: PlannedKind, victim: Victim): Promise<void> {
    const { log, leaseMs, random } = this.#options;
    const { app, proxy } = victim;
    switch (kind) {
      case 'kill':
        log.note(kind, app.index, app.pid);
        await app.kill();
        return app.start();
      case 'pause': {
        const end = log.begin(kind, app.index, app.pid);
        app.pause();
        await delay(1.5 * leaseMs);
        app.resume();
        return end();
      }
      case 'block': {
        const end = log.begin(kind, app.index, app.pid);
        await this.#options.block(app, 2 * leaseMs);
        return end();
      }
      case 'hole': {
        const end = log.begin(kind, app.index, app.pid);
        this.#holes += 1;
        proxy.openHole(HOLES[this.#holes % HOLES.length] ?? 'both');
        await delay(2 * leaseMs);
        proxy.heal();
        return end();
      }
      case 'reset':
        log.note(kind, app.index, app.pid);
        proxy.reset();
        return;
      case 'latency': {
        const end = log.begin(kind, app.index, app.pid);
        proxy.delay(random.between(20, 200));
        await delay(leaseMs);
        proxy.heal();
        return end();
      }
      case 'sigterm':
        return this.#terminate(victim);
      case 'database':
      case 'terminate':
        return;
      default:
        kind satisfies never;
    }
  }

  async #terminate({ app }: Victim): Promise<void> {
    const { log, graceMs } = this.#options;
    const end = log.begin('sigterm', app.index, app.pid);
    const startedAt = performance.now();
    const ending = await Promise.race([app.terminate(), delay(graceMs)]);
    const tookMs = Math.round(performance.now() - startedAt);
    this.shutdownMs.push(tookMs);
    if (ending === undefined) {
      this.problems.push(`sigterm: app ${app.index} has not ended after ${tookMs} ms`);
      await app.kill();
    } else if (!isClean(ending)) {
      this.problems.push(`sigterm: app ${app.index} ended with ${JSON.stringify(ending)}`);
    }
    end();
    await app.start();
  }

  async #restart(): Promise<void> {
    while (this.#isDatabaseDown) await delay(50);
    this.#isDatabaseDown = true;
    const end = this.#options.log.begin('database', null);
    await this.#options.crashDatabase();
    await delay(this.#options.random.between(0, 1_500));
    await this.#options.restartDatabase();
    end();
    this.#isDatabaseDown = false;
  }

  async #terminateBackends(): Promise<void> {
    while (this.#isDatabaseDown) await delay(50);
    this.#options.log.note('terminate', null);
    await this.#options.terminateBackends();
  }
}

/** Nest ends itself by the signal when its hooks have run. */
function isClean({ code, signal }: Ending): boolean {
  return code === 0 || signal === 'SIGTERM';
}
