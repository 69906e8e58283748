/**
 * A process that commits turns of its own runs, as fast as it can: `driver file name runs turns`. It says `ready` when the
 * schema is there, and after each acknowledged commit the number of turns that each of its runs has.
 */
import { writeSync } from 'node:fs';
import type { HistoryEvent, NewRun, RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { drizzle as drizzleOnLibSql } from 'drizzle-orm/libsql';

const [driver = '', file = '', name = '', runCount = '1', turnCount = '1'] = process.argv.slice(2);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function newRun(id: string): NewRun {
  return {
    ...{ id, namespace: 'default', workflow: 'order', version: '1', input: '{}' },
    ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
    ...{ startAt: null, timeoutMs: null },
  };
}

function newTurn(run: RunRecord, seq: number): Turn {
  const nothing = {
    ...{ consumedInbox: [], consumedSignals: [], waits: [], withdrawals: [], tasks: [] },
    ...{ endedTasks: [], children: [], messages: [], change: null },
  };
  const { id: runId, namespace, branch, epoch } = run;
  return { ...nothing, runId, namespace, branch, epoch, worker: name, events: [newEvent(seq)] };
}

function newEvent(seq: number): HistoryEvent {
  return {
    ...{ seq, type: 'completed', kind: 'step', position: seq, name: 'charge', digest: null },
    ...{ cause: seq - 1, attempt: 1, payload: `"${seq}"`, at: 0, startedAt: 0, worker: name },
    ...{ site: null, group: null, detail: null },
  };
}

const db = driver === 'libsql' ? drizzleOnLibSql(`file:${file}`) : drizzle(new Database(file));
const store = new DrizzleStateStore(db);
await store.migrate();
say('ready');
const ids = Array.from({ length: Number(runCount) }, (_, i) => `${name}-${i}`);
const created = await store.createRuns({ runs: ids.map(newRun), claim: name });
const runs = created.flatMap((answer) => (answer.outcome === 'busy' ? [] : [answer.run]));
for (let seq = 1; seq <= Number(turnCount); seq += 1) {
  const results = await store.commit(runs.map((run) => newTurn(run, seq)));
  if (results.some(({ outcome }) => outcome !== 'committed')) throw new Error('a turn was lost');
  say(String(seq));
}
await store.close();
