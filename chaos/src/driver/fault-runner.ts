/** Lets the planned faults hit. One at a time per process: what hits it next waits until it is up again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../program/random.js';
import type { AppProcess, Ending } from './app-process.js';
import type { FaultLog } from './fault-log.js';
import type { PlannedFault, PlannedKind } from './plan.js';
import type { Hole, TcpProxy } from './tcp-proxy.js';

export interface Victim {
  readonly app: AppProcess;
  /** To the database; workers have none. */
  readonly database: TcpProxy | undefined;
  /** To Redis, where there are remote steps. */
  readonly redis: TcpProxy | undefined;
  /** All of them. */
  readonly proxies: readonly TcpProxy[];
}

/** What can be done to Redis, and to the messages in it. */
export interface RedisFaults {
  crash(): Promise<void>;
  restart(keepsFiles: boolean): Promise<void>;
  flush(): Promise<void>;
  /** Sends answers that must not count. */
  forge(): Promise<void>;
  /** Lets messages come once more. Answers the attempts that may run again by that. */
  duplicate(): Promise<ReadonlySet<string>>;
}

export interface FaultRunnerOptions {
  readonly victims: readonly Victim[];
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly log: FaultLog;
  readonly random: Random;
  crashDatabase(): Promise<void>;
  restartDatabase(): Promise<void>;
  readonly redis: RedisFaults | undefined;
  /** Ends all connections of applications. Answers how many. */
  terminateBackends(): Promise<number>;
  /** Lets a step of the application keep its event loop busy; resolves when that is over. */
  block(app: AppProcess, ms: number): Promise<void>;
}

/** What everybody suffers. */
const SHARED: ReadonlySet<PlannedKind> = new Set([
  ...(['database', 'terminate', 'redis', 'redisLoss', 'flush', 'forge', 'duplicate'] as const),
]);
const WORKERS_ONLY: ReadonlySet<PlannedKind> = new Set([
  ...(['workerKill', 'workerPause', 'workerTerm'] as const),
]);
const ANYBODY: ReadonlySet<PlannedKind> = new Set(['redisHole', 'redisReset']);
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
  #isRedisDown = false;

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
      await this.#hitAll(kind);
      return;
    }
    const victim = await this.#choose(kind);
    try {
      await this.#hitOne(kind, victim);
    } finally {
      this.#recoveredAt.set(victim, performance.now());
      this.#busy.delete(victim);
    }
  }

  async #hitAll(kind: PlannedKind): Promise<void> {
    switch (kind) {
      case 'database':
        return this.#restart();
      case 'terminate':
        return this.#terminateBackends();
      case 'redis':
      case 'redisLoss':
        return this.#restartRedis(kind);
      default:
        return this.#changeMessages(kind);
    }
  }

  async #choose(kind: PlannedKind): Promise<Victim> {
    const role = WORKERS_ONLY.has(kind) ? 'worker' : 'app';
    const able = this.#options.victims.filter(
      ({ app }) => ANYBODY.has(kind) || app.options.app.role === role,
    );
    for (;;) {
      const free = able.filter((victim) => this.#isFree(victim));
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
    const { app, database, redis } = victim;
    switch (kind) {
      case 'kill':
      case 'workerKill':
        log.note(kind, app.index, app.pid);
        await app.kill();
        return app.start();
      // A worker stands still until others have its jobs.
      case 'pause':
      case 'workerPause': {
        const end = log.begin(kind, app.index, app.pid);
        app.pause();
        await delay((kind === 'pause' ? 1.5 : 2.5) * leaseMs);
        app.resume();
        return end();
      }
      case 'block': {
        const end = log.begin(kind, app.index, app.pid);
        await this.#options.block(app, 2 * leaseMs);
        return end();
      }
      case 'hole':
      case 'redisHole': {
        const proxy = kind === 'hole' ? database : redis;
        const end = log.begin(kind, app.index, app.pid);
        this.#holes += 1;
        proxy?.openHole(HOLES[this.#holes % HOLES.length] ?? 'both');
        await delay(2 * leaseMs);
        proxy?.heal();
        return end();
      }
      case 'reset':
      case 'redisReset':
        log.note(kind, app.index, app.pid);
        (kind === 'reset' ? database : redis)?.reset();
        return;
      case 'latency': {
        const end = log.begin(kind, app.index, app.pid);
        database?.delay(random.between(20, 200));
        await delay(leaseMs);
        database?.heal();
        return end();
      }
      case 'sigterm':
      case 'workerTerm':
        return this.#terminate(kind, victim);
      default:
        throw new Error(`${kind} does not hit one process`);
    }
  }

  async #terminate(kind: 'sigterm' | 'workerTerm', { app }: Victim): Promise<void> {
    const { log, graceMs } = this.#options;
    const end = log.begin(kind, app.index, app.pid);
    const startedAt = performance.now();
    const ending = await Promise.race([app.terminate(), delay(graceMs)]);
    const tookMs = Math.round(performance.now() - startedAt);
    this.shutdownMs.push(tookMs);
    if (ending === undefined) {
      this.problems.push(`${kind}: ${app.name} has not ended after ${tookMs} ms`);
      await app.kill();
    } else if (!isClean(ending)) {
      this.problems.push(`${kind}: ${app.name} ended with ${JSON.stringify(ending)}`);
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

  async #restartRedis(kind: 'redis' | 'redisLoss'): Promise<void> {
    const { redis, log, random } = this.#options;
    while (this.#isRedisDown) await delay(50);
    this.#isRedisDown = true;
    const end = log.begin(kind, null);
    await redis?.crash();
    await delay(random.between(0, 4_000));
    await redis?.restart(kind === 'redis');
    end();
    this.#isRedisDown = false;
  }

  /** While Redis and the database are there. */
  async #changeMessages(kind: PlannedKind): Promise<void> {
    const { redis, log } = this.#options;
    while (this.#isRedisDown || this.#isDatabaseDown) await delay(50);
    const from = Date.now();
    if (kind === 'flush') {
      log.note(kind, null);
      await redis?.flush();
    } else if (kind === 'forge') {
      await redis?.forge();
      log.noteMessages(kind, from);
    } else if (kind === 'duplicate') {
      log.noteMessages(kind, from, await redis?.duplicate());
    }
  }
}

/** Nest ends itself by the signal when its hooks have run. */
function isClean({ code, signal }: Ending): boolean {
  return code === 0 || signal === 'SIGTERM';
}
