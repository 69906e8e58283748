/** The driver's own ways to the database: past the proxies, and used to its absence. */
import { setTimeout as delay } from 'node:timers/promises';
import type { DoctorFinding } from '@dudousxd/nestjs-durable-store-sql';
import { Client } from 'pg';
import type { StoreName } from '../app/app-options.js';
import { APPLICATION_NAME, openStore } from '../app/store-factory.js';
import { installAudit } from '../oracle/audit.js';
import type { Glimpse } from '../oracle/runs.js';

/** An attempt of a remote step in the outbox. */
export interface TaskRow {
  readonly id: string;
  readonly token: string;
  readonly attempt: number;
  readonly input: string;
}

export class Database {
  readonly #url: string;
  readonly #storeName: StoreName;

  constructor(url: string, storeName: StoreName) {
    this.#url = url;
    this.#storeName = storeName;
  }

  /** The schema, and the triggers that note what happens to it. */
  async prepare(): Promise<void> {
    const { store, end } = openStore(this.#storeName, this.#url, 'chaos-driver');
    await store.migrate();
    await store.close();
    await end();
    await this.use(installAudit);
  }

  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.#url, application_name: 'chaos-driver' });
    // A connection that breaks between two statements says so here; the next statement fails by it.
    client.on('error', () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  terminateBackends(): Promise<number> {
    const text =
      'select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity where application_name = $1';
    return this.use(async (client) => {
      const { rows } = await client.query<{ readonly ended: number }>(text, [APPLICATION_NAME]);
      return rows[0]?.ended ?? 0;
    });
  }

  /** Runs that have not ended, in words. */
  async unfinished(): Promise<readonly string[]> {
    const text =
      "select r.id || ' is ' || r.status || ', worker ' || coalesce(r.worker, '-') || ', crashes ' || r.crashes || " +
      "', waits for ' || coalesce(r.waiting_for, '-') || ', ready ' || coalesce(q.wake_at::text, '-') || " +
      "', reason ' || coalesce(r.reason, '-') as text from durable_runs r left join durable_ready q on q.run_id = r.id " +
      "where r.status not in ('completed', 'failed', 'cancelled') order by r.id";
    return this.use(async (client) => {
      const { rows } = await client.query<{ readonly text: string }>(text);
      return rows.map((row) => row.text);
    });
  }

  /** The histories of a few young runs. */
  glimpse(): Promise<readonly Glimpse[]> {
    const text =
      'select run_id as "runId", branch::int, seq::int, type, position::int, payload from durable_history ' +
      'where run_id in (select id from durable_runs order by created_at desc limit 30)';
    return this.use(async (client) => (await client.query<Glimpse>(text)).rows);
  }

  /** The outbox of remote steps. */
  tasks(): Promise<readonly TaskRow[]> {
    const text = 'select id, token, attempt::int, input from durable_tasks order by id';
    return this.use(async (client) => (await client.query<TaskRow>(text)).rows);
  }

  /** Calls the doctor until it has looked at everything, or the budget is used up. */
  async examine(budgetMs: number): Promise<readonly DoctorFinding[]> {
    const { store, end } = openStore(this.#storeName, this.#url, 'chaos-driver');
    try {
      const { findings } = await store.doctor({ budgetMs });
      return findings;
    } finally {
      await store.close();
      await end();
    }
  }

  /** Resolves when no run is left that has not ended; with those that are left when the time is up. */
  async whenFinished(timeoutMs: number): Promise<readonly string[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = await this.unfinished();
      if (left.length === 0 || performance.now() > deadline) return left;
      await delay(250);
    }
  }
}
