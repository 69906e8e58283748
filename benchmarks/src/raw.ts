/** The ceiling: the statements that a plain step needs, by the bare driver, in the same process and on the same disk. */
import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import type { World } from './world.js';

/** Checks one run's owner and inserts one history row, for each run of a batch, in one transaction. */
export class RawLoop {
  private readonly handle: Database.Database;
  private readonly ids: readonly string[];
  private readonly check: Database.Statement;
  private readonly insert: Database.Statement;
  private seq = 0;

  constructor(world: World, runs: number) {
    this.handle = new Database(world.file);
    this.handle.pragma('journal_mode = WAL');
    this.handle.pragma('synchronous = FULL');
    this.handle.exec(`
      create table if not exists raw_runs (id text primary key, worker text, epoch integer) without rowid;
      create table if not exists raw_history (
        run_id text, branch integer, seq integer, type text, kind text, position integer, name text, digest text,
        cause integer, attempt integer, payload text, at integer, started_at integer, worker text, site text,
        grp text, detail text, primary key (run_id, branch, seq)
      ) without rowid;`);
    this.ids = Array.from({ length: runs }, () => randomUUID());
    const insertRun = this.handle.prepare('insert into raw_runs values (?, ?, 1)');
    for (const id of this.ids) insertRun.run(id, WORKER);
    this.check = this.handle.prepare('select worker, epoch from raw_runs where id = ?');
    this.insert = this.handle.prepare(
      'insert into raw_history values (?, 0, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, null, null, null) on conflict do nothing',
    );
  }

  /** One turn of every run, in one transaction. */
  turn(): void {
    this.seq += 1;
    const now = Date.now();
    this.handle.exec('begin immediate');
    for (const id of this.ids) {
      this.check.get(id);
      this.insert.run(
        id,
        this.seq,
        'completed',
        'step',
        this.seq,
        'noop',
        null,
        this.seq - 1,
        '1',
        now,
        now,
        WORKER,
      );
    }
    this.handle.exec('commit');
  }

  close(): void {
    this.handle.close();
  }
}

const WORKER = '01a20000-0000-7000-8000-000000000000';
