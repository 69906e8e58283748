/** Triggers that note every change of a history row and of a run's status, whoever makes it. */
import type Database from 'better-sqlite3';

/** A change of a row of `durable_history`. */
export interface HistoryChange {
  readonly change: 'insert' | 'update' | 'delete';
  readonly seq: number;
}

/** A change of a run's row. */
export interface RunChange {
  readonly from_status: string;
  readonly to_status: string;
  readonly from_epoch: number;
  readonly to_epoch: number;
}

/** Installs the triggers on a database that has the schema. */
export function watchRows(client: Database.Database): void {
  client.exec(`
    create table test_history_changes (id integer primary key, change text, seq integer);
    create table test_run_changes (
      id integer primary key, from_status text, to_status text, from_epoch integer, to_epoch integer
    );
    create trigger test_history_insert after insert on durable_history begin
      insert into test_history_changes (change, seq) values ('insert', new.seq);
    end;
    create trigger test_history_update after update on durable_history begin
      insert into test_history_changes (change, seq) values ('update', new.seq);
    end;
    create trigger test_history_delete after delete on durable_history begin
      insert into test_history_changes (change, seq) values ('delete', old.seq);
    end;
    create trigger test_run_update after update on durable_runs begin
      insert into test_run_changes (from_status, to_status, from_epoch, to_epoch)
        values (old.status, new.status, old.epoch, new.epoch);
    end;
  `);
}

export function historyChanges(client: Database.Database): readonly HistoryChange[] {
  const text = 'select change, seq from test_history_changes order by id';
  return client.prepare<[], HistoryChange>(text).all();
}

export function runChanges(client: Database.Database): readonly RunChange[] {
  const columns = 'from_status, to_status, from_epoch, to_epoch';
  const text = `select ${columns} from test_run_changes order by id`;
  return client.prepare<[], RunChange>(text).all();
}

/** Rows of the tables that hold only what is not done yet. */
export function leftOvers(client: Database.Database): Readonly<Record<string, number>> {
  const tables = ['durable_ready', 'durable_inbox', 'durable_waits', 'durable_tasks'];
  const counts = tables.map((table) => {
    const row = client.prepare<[], { n: number }>(`select count(*) as n from ${table}`).get();
    return [table, row?.n ?? 0] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
