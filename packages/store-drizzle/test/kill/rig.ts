/** Builds the process that is killed, runs it on a database of its own, and kills it where it stands still. */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { build } from 'vite';
import { DrizzleStateStore } from '../../src/index.js';
import type { AppOptions } from './app-options.js';
import { watchRows } from './audit.js';
import { type LedgerEntry, readLedger } from './ledger.js';
import type { ScenarioName } from './scenarios.js';
import { STOPPED } from './stop-points.js';

const packageDir = join(import.meta.dirname, '../..');
const RUN_ID = 'run-1';
const LEASE_MS = 30_000;
/** The database's clock goes on by a lease and this between two processes: nothing waits, and no lease is lost by load. */
const SPARE_MS = 10_000;

/** What all cases of a test file share: the bundled process, and a database with the schema in it. */
export interface Rig {
  readonly app: string;
  readonly template: string;
  dispose(): Promise<void>;
}

/** One run, and the deaths it goes through. */
export interface KillCase {
  readonly scenario: ScenarioName;
  /** Where the first process is killed, then the second, and so on; the one after them lives to the end. */
  readonly kills: readonly string[];
}

/** How it went. */
export interface Outcome extends Pick<Bench, 'database'> {
  readonly ledger: readonly LedgerEntry[];
  /** How each process ended. */
  readonly endings: readonly Ending[];
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export async function createRig(): Promise<Rig> {
  await mkdir(join(packageDir, '.tmp'), { recursive: true });
  // Beside the package's node_modules: the bundle leaves the native driver outside.
  const folder = await mkdtemp(join(packageDir, '.tmp/kill-'));
  const template = join(folder, 'template.db');
  await Promise.all([bundle(folder), createTemplate(template)]);
  return {
    app: join(folder, 'app.mjs'),
    template,
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** One file: a process that loads it is up in a tenth of the time of one that loads the sources. */
async function bundle(outDir: string): Promise<void> {
  const sources = join(packageDir, '..');
  await build({
    configFile: false,
    root: packageDir,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^@dudousxd\/nestjs-durable-(.+)$/, replacement: `${sources}/$1/src/index.ts` },
      ],
    },
    ssr: { noExternal: true, external: ['better-sqlite3'] },
    build: {
      ssr: join(import.meta.dirname, 'app.ts'),
      outDir,
      emptyOutDir: false,
      minify: false,
      target: 'node22',
      rolldownOptions: { output: { entryFileNames: 'app.mjs' } },
    },
  });
}

async function createTemplate(path: string): Promise<void> {
  const client = new Database(path);
  const store = new DrizzleStateStore(drizzle(client));
  await store.migrate();
  await store.close();
  watchRows(client);
  client.close();
}

/** Lets the run go through its deaths to its end. */
export async function runCase(
  rig: Rig,
  { scenario, kills }: KillCase,
  onCleanUp: OnCleanUp,
): Promise<Outcome> {
  const bench = await openBench(rig, { scenario }, onCleanUp);
  const endings: Ending[] = [];
  for (const [index, stopAt] of [...kills, null].entries()) {
    const clockAheadMs = index * (LEASE_MS + SPARE_MS);
    const app = bench.start({ life: index + 1, clockAheadMs, stopAt });
    if (stopAt !== null) {
      await app.stopped;
      app.kill();
    }
    endings.push(await app.ended);
  }
  return { database: bench.database, ledger: bench.readLedger(), endings };
}

/** A run's database, and processes on it. */
export interface Bench {
  readonly runId: string;
  /** A handle of the test's own. */
  readonly database: Database.Database;
  readLedger(): readonly LedgerEntry[];
  start(options: Pick<AppOptions, 'life' | 'clockAheadMs' | 'stopAt'>): App;
}

/** Called with what has to be done when the test has ended. */
export type OnCleanUp = (cleanUp: () => Promise<void>) => void;

export interface BenchOptions {
  readonly scenario: ScenarioName;
  readonly sleepMs?: number;
  readonly leaseMs?: number;
}

export async function openBench(
  rig: Rig,
  { scenario, sleepMs = 30, leaseMs = LEASE_MS }: BenchOptions,
  onCleanUp: OnCleanUp,
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-kill-'));
  const files = { database: join(folder, 'app.db'), ledger: join(folder, 'ledger.jsonl') };
  await copyFile(rig.template, files.database);
  const database = new Database(files.database);
  const apps: App[] = [];
  onCleanUp(async () => {
    for (const app of apps) app.kill();
    await Promise.all(apps.map(({ ended }) => ended));
    database.close();
    await rm(folder, { recursive: true, force: true });
  });
  const run = { ...files, scenario, runId: RUN_ID, input: { orderId: 'o-1', sleepMs }, leaseMs };
  return {
    runId: RUN_ID,
    database,
    readLedger: () => readLedger(files.ledger),
    start: (options) => {
      const app = startApp(rig.app, { ...run, ...options });
      apps.push(app);
      return app;
    },
  };
}

/** A process under test. */
interface App {
  /** It stands still where it was told to, or has ended. */
  readonly stopped: Promise<void>;
  readonly ended: Promise<Ending>;
  kill(): void;
  /** Lets a process that stands still go on. */
  release(): void;
}

function startApp(file: string, options: AppOptions): App {
  const child = spawn(process.execPath, [file, JSON.stringify(options)]);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, errors }));
  });
  const stopped = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes(STOPPED)) resolve();
    });
    child.once('close', () => resolve());
  });
  return {
    stopped,
    ended,
    kill: () => child.kill('SIGKILL'),
    release: () => child.stdin.write('\n'),
  };
}
