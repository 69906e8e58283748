/** Three applications, each behind a proxy, and their database. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startCrashable } from '../../../scripts/services/crashable-server.mjs';
import type { StoreName } from '../app/app-options.js';
import type { Random } from '../program/random.js';
import { AppProcess } from './app-process.js';
import { bundleApp } from './bundle.js';
import { Database } from './database.js';
import { FaultLog } from './fault-log.js';
import type { Victim } from './fault-runner.js';
import { TcpProxy } from './tcp-proxy.js';

export const LEASE_MS = 3_000;
const HEARTBEAT_MS = 1_000;
export const MAX_POLL_MS = 200;
const SHUTDOWN_MS = 10_000;
const TEN_MINUTES_MS = 600_000;
/** One that is right, one that is ahead, one that is behind. */
const CLOCK_OFFSETS_MS = [0, TEN_MINUTES_MS, -TEN_MINUTES_MS];

/** What ends a transaction, or is one: by its text, or by the name of the prepared statement. */
const COMMITS = /\bcommit\b|durable_(append|create)/i;

const scratchDir = join(import.meta.dirname, '../../.tmp');

export interface RigOptions {
  readonly store: StoreName;
  readonly apps: number;
  readonly random: Random;
  /** The share of replies to commits that is cut off. */
  readonly cutRate: number;
  readonly wrongClocks: boolean;
}

export interface Rig {
  readonly folder: string;
  readonly ledger: string;
  readonly victims: readonly Victim[];
  readonly database: Database;
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
  const [bundle, server] = await Promise.all([bundleApp(folder), startCrashable('postgres')]);
  const database = new Database(server.url, options.store);
  await database.prepare();
  const faults = new FaultLog();
  const deaths: string[] = [];
  const ledger = join(folder, 'ledger.jsonl');
  const victims: Victim[] = [];
  for (let app = 0; app < options.apps; app += 1) {
    const proxy = await openProxy(server.url, app, options, faults);
    const url = new URL(server.url);
    url.port = String(proxy.port);
    const process = new AppProcess({
      bundle,
      log: join(folder, `app-${app}.log`),
      app: {
        ...{ app, store: options.store, databaseUrl: url.href, ledger, folder },
        clockOffsetMs: options.wrongClocks ? (CLOCK_OFFSETS_MS[app] ?? 0) : 0,
        ...{ leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS, maxPollMs: MAX_POLL_MS },
        shutdownMs: SHUTDOWN_MS,
      },
      onUnexpectedEnd: (ending) => {
        deaths.push(`app ${app} ended by itself: ${JSON.stringify(ending)}`);
        void process.start().catch((error: unknown) => deaths.push(String(error)));
      },
    });
    victims.push({ app: process, proxy });
  }
  await Promise.all(victims.map(({ app }) => app.start()));
  return {
    ...{ folder, ledger, victims, database, faults, deaths },
    crashDatabase: () => server.crash(),
    restartDatabase: () => server.restart(),
    dispose: async (keep) => {
      await Promise.all(victims.map(({ app }) => app.kill()));
      await Promise.all(victims.map(({ proxy }) => proxy.close()));
      await server.stop();
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

function openProxy(
  databaseUrl: string,
  app: number,
  { random, cutRate }: RigOptions,
  faults: FaultLog,
): Promise<TcpProxy> {
  const { hostname: host, port } = new URL(databaseUrl);
  return TcpProxy.listen({
    target: { host, port: Number(port) },
    random: random.fork(`proxy ${app}`),
    cutAfter: COMMITS,
    cutRate,
    onCut: () => faults.note('cut', app),
  });
}
