/** Several engines on one PostgreSQL database, each with a pool of its own: to the database they are as many processes. */
import { randomUUID } from 'node:crypto';
import {
  createSystemRuntime,
  DurableEngine,
  type EngineOptions,
  type Logger,
  type RunStatus,
  type Runtime,
  type Scheduler,
  type TimerHandle,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Client, Pool, type PoolConfig } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { vi } from 'vitest';
import { DrizzleStateStore } from '../../src/index.js';

type Body = (ctx: WorkflowCtx, input: never) => Promise<unknown>;

export interface MemberOptions extends Partial<Omit<EngineOptions, 'store'>> {
  readonly workflows?: Readonly<Record<string, Body>>;
  readonly pool?: PoolConfig;
  /** Connects here in place of the database. */
  readonly url?: string;
  readonly onWarning?: (message: string) => void;
}

/** One process of the fleet. */
export interface Member {
  readonly engine: DurableEngine;
  readonly store: DrizzleStateStore;
  readonly pool: Pool;
  /** As SIGKILL: nothing more is sent, but the server hears nothing of it. */
  kill(): void;
  /** When it resolves, nothing wakes it but hints: its polls, heartbeats and sweeps are over. */
  stopPolling(): Promise<void>;
  /** Stops it in order. */
  leave(): Promise<void>;
  /** Forgets it, and closes what is left of it. */
  abandon(): Promise<void>;
}

const silent = () => {};

export const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

export class Fleet {
  readonly #database: PostgresDatabase;
  readonly #members = new Set<Member>();
  readonly #clients: Client[] = [];
  #observer: Promise<Client> | undefined;

  private constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  /** @param server URL of a database whose user may create others */
  static async create(server: string): Promise<Fleet> {
    const database = new PostgresDatabase(server);
    await database.create();
    const pool = new Pool({ connectionString: database.url, max: 1 });
    await new DrizzleStateStore(drizzle(pool)).migrate();
    await pool.end();
    return new Fleet(database);
  }

  get url(): string {
    return this.#database.url;
  }

  /** An engine that is started, and ended with the fleet. */
  async join(options: MemberOptions = {}): Promise<Member> {
    const { workflows = {}, pool: config, url = this.url, onWarning, ...rest } = options;
    const pool = new Pool({ connectionString: url, max: 4, ...config });
    const store = new DrizzleStateStore(drizzle(pool));
    const { runtime, stopPolling, pollAgain } = stoppable(runtimeOf(onWarning));
    const engine = new DurableEngine({ store, runtime, ...rest });
    for (const [name, run] of Object.entries(workflows)) {
      engine.registerWorkflow({ name, version: '1', run, source: name });
    }
    const kill = () => engine.kill();
    const abandon = async () => {
      this.#members.delete(member);
      engine.kill();
      await store.close();
      await pool.end();
    };
    const leave = async () => {
      pollAgain();
      await engine.stop();
      await abandon();
    };
    const member: Member = { engine, store, pool, kill, stopPolling, leave, abandon };
    this.#members.add(member);
    await engine.start();
    return member;
  }

  /** A connection of the test's own. */
  async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  /** Counts what is notified on the channel of the hints from now on. */
  async countHints(): Promise<() => number> {
    const client = await this.connect();
    const { rows } = await client.query("select 'durable_ready'::regclass::oid as oid");
    let count = 0;
    client.on('notification', () => {
      count += 1;
    });
    await client.query(`listen durable_hints_${rows[0].oid}`);
    return () => count;
  }

  /** Backends of the connections that the stores have opened for themselves. */
  async ownBackends(): Promise<readonly number[]> {
    this.#observer ??= this.connect();
    const client = await this.#observer;
    const { rows } = await client.query<{ readonly pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and application_name = 'durable' order by pid",
    );
    return rows.map(({ pid }) => pid);
  }

  async dispose(): Promise<void> {
    for (const member of [...this.#members]) await member.leave();
    for (const client of this.#clients) await client.end();
    await this.#database.drop();
  }
}

/** Ids that no other test uses. */
export function newRunId(): string {
  return `run-${randomUUID()}`;
}

/** Waits until the run has this status, and says how long that took. */
export async function reaches(
  { engine }: Member,
  runId: string,
  status: RunStatus,
): Promise<number> {
  const startedAt = performance.now();
  const isThere = async () => (await engine.getRun(runId)).status === status;
  await vi.waitUntil(isThere, { timeout: 20_000, interval: 5 });
  return performance.now() - startedAt;
}

function runtimeOf(onWarning: (message: string) => void = silent): Runtime {
  return createSystemRuntime({ ...silentLogger, warn: onWarning, error: onWarning });
}

/**
 * A runtime whose timers can be made to ring no more, but for those that ring at once: without randomness, what spreads
 * the looks after a hint is one of them, and no poll is.
 */
function stoppable(runtime: Runtime): {
  readonly runtime: Runtime;
  readonly stopPolling: () => Promise<void>;
  readonly pollAgain: () => void;
} {
  const { scheduler, ids } = runtime;
  const armed = new Map<TimerHandle, number>();
  let isStopped = false;
  const setTimer: Scheduler['setTimer'] = (task, delayMs) => {
    if (isStopped && delayMs > 0) return { timer: undefined };
    const handle = scheduler.setTimer(() => {
      armed.delete(handle);
      task();
    }, delayMs);
    armed.set(handle, delayMs);
    return handle;
  };
  const clearTimer: Scheduler['clearTimer'] = (handle) => {
    armed.delete(handle);
    scheduler.clearTimer(handle);
  };
  const stopPolling = async () => {
    isStopped = true;
    // Of what is armed, a short one may be the first look after the boot, which others wait for.
    for (const [handle, delayMs] of armed) if (delayMs > SHORT_MS) clearTimer(handle);
    await vi.waitUntil(() => armed.size === 0, { interval: 2 });
  };
  const pollAgain = () => {
    isStopped = false;
  };
  const random = () => (isStopped ? 0 : ids.random());
  const stopping = { scheduler: { ...scheduler, setTimer, clearTimer }, ids: { ...ids, random } };
  return { runtime: { ...runtime, ...stopping }, stopPolling, pollAgain };
}

const SHORT_MS = 30;
