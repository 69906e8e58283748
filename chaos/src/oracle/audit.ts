/**
 * Triggers that note every change of a run's row and of the history, whoever makes it, in the order of the locks: a
 * process holds the lock of a run's row while it writes anything of the run. And how often each attempt in the outbox of
 * remote steps was taken to be dispatched.
 */
import type { Client } from 'pg';

/** A change, oldest first. */
export interface AuditRow {
  readonly id: number;
  /** Database time in epoch milliseconds, at the change itself. */
  readonly at: number;
  /** The transaction. */
  readonly tx: number;
  readonly what: 'run' | 'history' | 'rewrite';
  readonly runId: string;
  /** Of the run: its owner now. Of the history: who made the event. */
  readonly worker: string | null;
  readonly fromWorker: string | null;
  readonly epoch: number | null;
  readonly fromEpoch: number | null;
  readonly status: string | null;
  readonly fromStatus: string | null;
  readonly crashes: number | null;
  readonly fromCrashes: number | null;
  readonly branch: number | null;
  readonly seq: number | null;
}

const INSTALL = `
create table chaos_audit (
  id bigint generated always as identity primary key,
  at double precision not null default extract(epoch from clock_timestamp()) * 1000,
  tx bigint not null default txid_current(),
  what text not null, run_id text not null,
  worker text, from_worker text, epoch bigint, from_epoch bigint, status text, from_status text,
  crashes bigint, from_crashes bigint, branch bigint, seq bigint
);
create function chaos_note_run() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into chaos_audit (what, run_id, worker, epoch, status, crashes, branch)
    values ('run', new.id, new.worker, new.epoch, new.status, new.crashes, new.branch);
  else
    insert into chaos_audit (what, run_id, worker, from_worker, epoch, from_epoch, status, from_status, crashes, from_crashes, branch)
    values ('run', new.id, new.worker, old.worker, new.epoch, old.epoch, new.status, old.status, new.crashes, old.crashes, new.branch);
  end if;
  return null;
end $$;
create function chaos_note_history() returns trigger language plpgsql as $$
begin
  insert into chaos_audit (what, run_id, worker, branch, seq) values ('history', new.run_id, new.worker, new.branch, new.seq);
  return null;
end $$;
create function chaos_note_rewrite() returns trigger language plpgsql as $$
begin
  insert into chaos_audit (what, run_id, worker, branch, seq) values ('rewrite', old.run_id, old.worker, old.branch, old.seq);
  return null;
end $$;
create table chaos_takes (task text not null);
create function chaos_note_take() returns trigger language plpgsql as $$
begin
  insert into chaos_takes (task) values (old.id);
  return null;
end $$;
create trigger chaos_take after update on durable_tasks for each row
  when (new.takes > old.takes) execute function chaos_note_take();
create trigger chaos_run after insert or update on durable_runs for each row execute function chaos_note_run();
create trigger chaos_history after insert on durable_history for each row execute function chaos_note_history();
create trigger chaos_rewrite after update or delete on durable_history for each row execute function chaos_note_rewrite();
`;

/** On a database that has the schema. */
export async function installAudit(client: Client): Promise<void> {
  await client.query(INSTALL);
}

export async function readAudit(client: Client): Promise<readonly AuditRow[]> {
  const { rows } = await client.query<AuditRow>(
    'select id::int, at, tx::int, what, run_id as "runId", worker, from_worker as "fromWorker", epoch::int, ' +
      'from_epoch::int as "fromEpoch", status, from_status as "fromStatus", crashes::int, ' +
      'from_crashes::int as "fromCrashes", branch::int, seq::int from chaos_audit order by id',
  );
  return rows;
}

/** How often attempts of remote steps were dispatched again, after they had been dispatched. */
export async function countRedispatches(client: Client): Promise<number> {
  const { rows } = await client.query<{ readonly count: number }>(
    'select (count(*) - count(distinct task))::int as count from chaos_takes',
  );
  return rows[0]?.count ?? 0;
}
