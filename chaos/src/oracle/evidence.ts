/** What is in the database when all is over. */
import { createCodec } from '@dudousxd/nestjs-durable-core';
import type { Client } from 'pg';
import { type LedgerEntry, readLedger } from '../app/ledger.js';
import type { SentSignal, StartedRun } from '../driver/load.js';
import { type AuditRow, countRedispatches, readAudit } from './audit.js';

interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly inputDigest: string;
  readonly output: string | null;
}

export interface HistoryRow {
  readonly runId: string;
  readonly branch: number;
  readonly seq: number;
  readonly type: string;
  readonly kind: string;
  readonly position: number | null;
  readonly name: string;
  readonly attempt: number;
  readonly payload: string | null;
  readonly detail: { readonly deadline?: number } | null;
}

interface SignalRow {
  readonly token: string;
  readonly id: string;
  readonly consumed: number;
}

export interface Evidence {
  readonly runs: ReadonlyMap<string, RunRow>;
  readonly history: ReadonlyMap<string, readonly HistoryRow[]>;
  readonly signals: readonly SignalRow[];
  readonly audit: readonly AuditRow[];
  /** Attempts of remote steps that are in the outbox still. */
  readonly tasks: number;
  readonly redispatches: number;
  readonly ledger: readonly LedgerEntry[];
  readonly started: readonly StartedRun[];
  readonly sent: readonly SentSignal[];
}

export const codec = createCodec({});

export interface Outside {
  readonly ledger: string;
  readonly started: readonly StartedRun[];
  readonly sent: readonly SentSignal[];
}

export async function collectEvidence(
  client: Client,
  { ledger, started, sent }: Outside,
): Promise<Evidence> {
  const runs = await client.query<RunRow>(
    'select id, status, reason, input_digest as "inputDigest", output from durable_runs',
  );
  const history = await client.query<HistoryRow & { readonly detail: string | null }>(
    'select run_id as "runId", branch::int, seq::int, type, kind, position::int, name, attempt::int, payload, detail ' +
      'from durable_history order by run_id, branch, seq',
  );
  const signals = await client.query<SignalRow>(
    'select token, id, consumed::int from durable_signals',
  );
  const tasks = await client.query<{ readonly count: number }>(
    'select count(*)::int as count from durable_tasks',
  );
  const events = history.rows.map((row) => ({
    ...row,
    detail: row.detail === null ? null : (JSON.parse(row.detail) as HistoryRow['detail']),
  }));
  return {
    runs: new Map(runs.rows.map((run) => [run.id, run])),
    history: Map.groupBy(events, ({ runId }) => runId),
    signals: signals.rows,
    audit: await readAudit(client),
    tasks: tasks.rows[0]?.count ?? 0,
    redispatches: await countRedispatches(client),
    ledger: readLedger(ledger),
    started,
    sent,
  };
}

/** A recorded result of a step. */
export interface StepRecord {
  readonly key: string;
  readonly attempt: number;
  /** Made by the call that made the result. */
  readonly token: string;
}

/** What a run's history has of steps that have returned. A local step is named after its key, a remote one says it. */
export function resultsOf(events: readonly HistoryRow[]): readonly StepRecord[] {
  return events.flatMap(({ kind, type, name, payload, attempt }) => {
    if ((kind !== 'step' && kind !== 'remote') || type !== 'completed' || payload === null) {
      return [];
    }
    const { key = name, token } = codec.decode(payload) as {
      readonly key?: string;
      readonly token: string;
    };
    return [{ key, attempt, token }];
  });
}
