import Database from 'better-sqlite3';
import type { Raw } from './database.js';
import { RawBatcher } from './raw-batcher.js';
import { HISTORY_COLUMNS, historyRow, newId, RAW_WORKER } from './raw-rows.js';
import { type Call, type RecordedRun, recordRun } from './sqlite-recording.js';

interface Write {
  readonly calls: readonly Call[];
  readonly id: string;
}

/** The store's own statements on one handle, prepared, many turns in a transaction. */
export class SqliteRaw implements Raw {
  readonly #handle: Database.Database;
  readonly #recorded: RecordedRun;
  readonly #writes: RawBatcher<Write, Database.Database>;
  readonly #prepared = new Map<string, Database.Statement>();
  readonly #loneRun = newId();
  #seq = 0;

  private constructor(handle: Database.Database, recorded: RecordedRun) {
    this.#handle = handle;
    this.#recorded = recorded;
    this.#writes = new RawBatcher([handle], async (_, writes) => this.#transaction(writes));
  }

  static async open(file: string): Promise<SqliteRaw> {
    const recorded = await recordRun(file);
    const handle = new Database(file);
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = FULL');
    const raw = new SqliteRaw(handle, recorded);
    raw.#transaction([{ calls: recorded.writes[0] ?? [], id: raw.#loneRun }]);
    return raw;
  }

  async run(): Promise<void> {
    const id = newId();
    for (const calls of this.#recorded.writes) await this.#writes.submit({ calls, id });
  }

  async commit(): Promise<void> {
    this.#statement('begin immediate').run();
    this.#statement('select worker, epoch from durable_runs where id = ?').get(this.#loneRun);
    this.#insert();
    this.#statement('commit').run();
  }

  async insert(): Promise<void> {
    this.#insert();
  }

  async close(): Promise<void> {
    this.#handle.close();
  }

  #insert(): void {
    this.#seq += 1;
    const row = historyRow(this.#loneRun, this.#seq);
    const places = row.map(() => '?').join(', ');
    this.#statement(`insert into durable_history (${HISTORY_COLUMNS}) values (${places})`).run(row);
  }

  #transaction(writes: readonly Write[]): void {
    const { runId, worker } = this.#recorded;
    this.#statement('begin immediate').run();
    for (const { calls, id } of writes) {
      for (const { text, method, params } of calls) {
        const own = params.map((param) =>
          param === runId ? id : param === worker ? RAW_WORKER : param,
        );
        this.#statement(text)[method](own);
      }
    }
    this.#statement('commit').run();
  }

  #statement(text: string): Database.Statement {
    const statement = this.#prepared.get(text) ?? this.#handle.prepare(text);
    this.#prepared.set(text, statement);
    return statement;
  }
}
