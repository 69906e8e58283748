/** Three applications, each behind a proxy, and their database; where there are remote steps, workers and Redis, too. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CrashableServer,
  startCrashable,
} from '../../../scripts/services/crashable-server.mjs';
import type { AppOptions, ProcessOptions, StoreName } from '../app/app-options.js';
import type { Random } from '../program/random.js';
import { AppProcess } from './app-process.js';
import { Broker } from './broker.js';
import { bundleApp } from './bundle.js';
import { Database } from './database.js';
import { type FaultKind, FaultLog } from './fault-log.js';
import type { RedisFaults, Victim } from './fault-runner.js';
import { TcpProxy } from './tcp-proxy.js';

export const LEASE_MS = 3_000;
const HEARTBEAT_MS = 1_000;
export const MAX_POLL_MS = 200;
const SHUTDOWN_MS = 10_000;
const TEN_MINUTES_MS = 600_000;
/** One that is right, one that is ahead, one that is behind; and so on. */
const CLOCK_OFFSETS_MS = [0, TEN_MINUTES_MS, -TEN_MINUTES_MS];
const NODE_WORKERS = 2;

/** What ends a transaction, or is one: by its text, or by the name of the prepared statement. */
const COMMITS = /\bcommit\b|durable_(append|create)/i;
/** What puts jobs and answers into Redis, and takes them from there. */
const REDIS_WRITES = /\b(xadd|evalsha|xdel)\b/i;
/** There are many more of them than of commits. */
const REDIS_CUT_SHARE = 0.1;

const scratchDir = join(import.meta.dirname, '../../.tmp');
const pythonDir = join(import.meta.dirname, '../../../packages/worker-python/src');

/** What serves remote steps besides Node. */
export interface RemoteOptions {
  /** An interpreter with what the Python SDK needs; undefined: only Node's workers are there. */
  readonly python: string | undefined;
}

export interface RigOptions {
  readonly store: StoreName;
  readonly apps: number;
  readonly random: Random;
  /** The share of replies to commits that is cut off. */
  readonly cutRate: number;
  readonly wrongClocks: boolean;
  /** Of remote steps. @default there are none */
  readonly remote?: RemoteOptions | undefined;
}

/** Redis, as the driver sees it. */
interface RigRedis {
  readonly broker: Broker;
  readonly faults: RedisFaults;
}

export interface Rig {
  readonly folder: string;
  readonly ledger: string;
  /** All processes: first the applications, then the workers. */
  readonly victims: readonly Victim[];
  readonly apps: readonly AppProcess[];
  readonly database: Database;
  /** Where there are remote steps. */
  readonly redis: RigRedis | undefined;
  readonly faults: FaultLog;
  /** Ends of processes that nobody had asked for. */
  readonly deaths: readonly string[];
  crashDatabase(): Promise<void>;
  restartDatabase(): Promise<void>;
  /** Ends everything. The folder stays unless it is to be removed. */
  dispose(keep: boolean): Promise<void>;
}

export async function createRig(options: RigOptions): Promise<Rig> {
  await mkdir(scratchDir, { recursive: true });
  const folder = await mkdtemp(join(scratchDir, 'run-'));
  const [bundle, server, redisServer] = await Promise.all([
    bundleApp(folder),
    startCrashable('postgres'),
    options.remote && startCrashable('redis'),
  ]);
  const database = new Database(server.url, options.store);
  await database.prepare();
  const redis = redisServer && redisOf(redisServer, database, options.random.fork('broker'));
  const builder = new VictimBuilder({ ...options, folder, bundle }, server.url, redisServer?.url);
  const victims = await builder.build();
  await Promise.all(victims.map(({ app }) => app.start()));
  const { faults, deaths, ledger } = builder;
  return {
    ...{ folder, ledger, victims, database, redis, faults, deaths },
    apps: victims.slice(0, options.apps).map(({ app }) => app),
    crashDatabase: () => server.crash(),
    restartDatabase: () => server.restart(),
    dispose: async (keep) => {
      redis?.broker.close();
      await Promise.all(victims.map(({ app }) => app.kill()));
      await Promise.all(victims.flatMap(({ proxies }) => proxies.map((proxy) => proxy.close())));
      await Promise.all([server.stop(), redisServer?.stop()]);
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

function redisOf(server: CrashableServer, database: Database, random: Random): RigRedis {
  const broker = new Broker(server.url, random);
  const faults: RedisFaults = {
    crash: () => server.crash(),
    restart: async (keepsFiles) => {
      if (!keepsFiles) await server.forget();
      await server.restart();
    },
    flush: () => broker.flush(),
    forge: async () => broker.forge(await database.tasks()),
    duplicate: () => broker.duplicate(),
  };
  return { broker, faults };
}

type BuilderOptions = RigOptions & { readonly folder: string; readonly bundle: string };

/** Makes the processes and their proxies. */
class VictimBuilder {
  readonly faults = new FaultLog();
  readonly deaths: string[] = [];
  readonly ledger: string;
  readonly #options: BuilderOptions;
  readonly #databaseUrl: string;
  readonly #redisUrl: string | undefined;

  constructor(options: BuilderOptions, databaseUrl: string, redisUrl: string | undefined) {
    this.#options = options;
    this.#databaseUrl = databaseUrl;
    this.#redisUrl = redisUrl;
    this.ledger = join(options.folder, 'ledger.jsonl');
  }

  async build(): Promise<readonly Victim[]> {
    const { apps, remote } = this.#options;
    const victims: Victim[] = [];
    for (let app = 0; app < apps; app += 1) victims.push(await this.#app(app));
    if (!remote) return victims;
    for (let i = 0; i < NODE_WORKERS; i += 1) victims.push(await this.#worker(victims.length));
    if (remote.python !== undefined) {
      victims.push(await this.#worker(victims.length, remote.python));
    }
    return victims;
  }

  async #app(app: number): Promise<Victim> {
    const database = await this.#databaseProxy(app);
    const redis = await this.#redisProxy(app);
    const options: AppOptions = {
      ...{ role: 'app', ...this.#common(app), store: this.#options.store },
      databaseUrl: through(database, this.#databaseUrl),
      redisUrl: redis === undefined ? null : through(redis, this.#redisUrl ?? ''),
      ...{ heartbeatMs: HEARTBEAT_MS, maxPollMs: MAX_POLL_MS },
    };
    const proxies = redis === undefined ? [database] : [database, redis];
    return { app: this.#process(options, this.#nodeCommand()), database, redis, proxies };
  }

  async #worker(app: number, python?: string): Promise<Victim> {
    const redis = await this.#redisProxy(app);
    if (redis === undefined) throw new Error('a worker needs Redis');
    const redisUrl = through(redis, this.#redisUrl ?? '');
    const options: ProcessOptions = { role: 'worker', ...this.#common(app), redisUrl };
    const script = join(import.meta.dirname, '../app/worker.py');
    const process =
      python === undefined
        ? this.#process(options, this.#nodeCommand())
        : this.#process(options, [python, script], {
            ...{ PYTHONPATH: pythonDir, PYTHONDONTWRITEBYTECODE: '1' },
          });
    return { app: process, database: undefined, redis, proxies: [redis] };
  }

  #common(app: number) {
    const { wrongClocks, folder } = this.#options;
    const offset = CLOCK_OFFSETS_MS[app % CLOCK_OFFSETS_MS.length] ?? 0;
    return {
      ...{ app, ledger: this.ledger, folder, leaseMs: LEASE_MS, shutdownMs: SHUTDOWN_MS },
      clockOffsetMs: wrongClocks ? offset : 0,
    };
  }

  #nodeCommand(): [string, ...string[]] {
    return [process.execPath, '--max-old-space-size=512', this.#options.bundle];
  }

  #process(
    app: ProcessOptions,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>> = {},
  ): AppProcess {
    const name = `${app.role} ${app.app}`;
    const started = new AppProcess({
      ...{ command, env, app },
      log: join(this.#options.folder, `app-${app.app}.log`),
      onUnexpectedEnd: (ending) => {
        this.deaths.push(`${name} ended by itself: ${JSON.stringify(ending)}`);
        void started.start().catch((error: unknown) => this.deaths.push(String(error)));
      },
    });
    return started;
  }

  #databaseProxy(app: number): Promise<TcpProxy> {
    const { cutRate } = this.#options;
    return this.#proxy(`proxy ${app}`, this.#databaseUrl, COMMITS, {
      ...{ app, kind: 'cut', cutRate },
    });
  }

  async #redisProxy(app: number): Promise<TcpProxy | undefined> {
    if (this.#redisUrl === undefined) return undefined;
    const cutRate = this.#options.cutRate * REDIS_CUT_SHARE;
    return this.#proxy(`redis proxy ${app}`, this.#redisUrl, REDIS_WRITES, {
      ...{ app, kind: 'redisCut', cutRate },
    });
  }

  #proxy(
    name: string,
    url: string,
    cutAfter: RegExp,
    { app, kind, cutRate }: { app: number; kind: FaultKind; cutRate: number },
  ): Promise<TcpProxy> {
    const { hostname: host, port } = new URL(url);
    return TcpProxy.listen({
      target: { host, port: Number(port) },
      random: this.#options.random.fork(name),
      ...{ cutAfter, cutRate },
      onCut: () => this.faults.note(kind, app),
    });
  }
}

function through(proxy: TcpProxy, url: string): string {
  const other = new URL(url);
  other.port = String(proxy.port);
  return other.href;
}
