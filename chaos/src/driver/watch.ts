/** Looks at the database every few seconds, while everything goes on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Glimpse } from '../oracle/runs.js';
import type { Database } from './database.js';

const INTERVAL_MS = 5_000;
const BUDGET_MS = 1_000;

export class Watch {
  readonly violations: string[] = [];
  readonly glimpses: Glimpse[] = [];
  /** Looks that succeeded. */
  looks = 0;
  readonly #database: Database;
  readonly #stopped = new AbortController();
  #ended: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  start(): void {
    this.#ended = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await Promise.race([
        delay(INTERVAL_MS),
        new Promise((end) => signal.addEventListener('abort', end)),
      ]);
      try {
        await this.#look();
      } catch {
        // The database is down now and then; `looks` shows that it was seen often enough.
      }
    }
  }

  async #look(): Promise<void> {
    const findings = await this.#database.examine(BUDGET_MS);
    for (const { invariant, runId, what } of findings) {
      const text = `${invariant}: on the way, run ${runId}: ${what}`;
      if (!this.violations.includes(text)) this.violations.push(text);
    }
    this.glimpses.push(...(await this.#database.glimpse()));
    this.looks += 1;
  }
}
