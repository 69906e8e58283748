/** The statements of the store for one run of five steps on SQLite, recorded, to be replayed for other runs. */
import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { runOnce } from '../measure.js';
import { registerWorkloads } from '../workloads.js';

/** A prepared statement that was run with these parameters. */
export interface Call {
  readonly text: string;
  readonly method: 'run' | 'get' | 'all';
  readonly params: readonly unknown[];
}

/** What the store writes for a run: its creation and its five turns, without BEGIN and COMMIT. */
export interface RecordedRun {
  readonly runId: string;
  readonly worker: string;
  readonly writes: readonly (readonly Call[])[];
}

const STEPS = 5;

/** Executes a lone run on the file through Drizzle, and returns what it has written. */
export async function recordRun(file: string): Promise<RecordedRun> {
  const calls: Call[] = [];
  const client = new (recordingDatabase(calls))(file);
  const engine = new DurableEngine({ store: new DrizzleStateStore(drizzle({ client })) });
  registerWorkloads(engine);
  await engine.start();
  const runId = await runOnce(engine, 'sequential', STEPS);
  await engine.stop();
  const worker = client
    .prepare('select worker from durable_history where run_id = ?')
    .pluck()
    .get([runId]) as string;
  client.close();
  const writes = transactions(calls).filter((write) =>
    write.some(({ params }) => params.includes(runId)),
  );
  if (writes.length !== STEPS + 1) {
    throw new Error(`a run wrote ${writes.length} times: the raw loop has to follow the store`);
  }
  return { runId, worker, writes };
}

/** The store opens its handle with the class of the one that it is given. */
function recordingDatabase(calls: Call[]) {
  return class extends Database {
    constructor(file: string, options?: Database.Options) {
      super(file, options);
      const prepare = this.prepare.bind(this) as (text: string) => Database.Statement;
      this.prepare = ((text: string) => recording(prepare(text), text, calls)) as never;
    }
  };
}

function recording(statement: Database.Statement, text: string, calls: Call[]): Database.Statement {
  for (const method of ['run', 'get', 'all'] as const) {
    const send = statement[method].bind(statement) as (params: unknown[]) => never;
    statement[method] = (params: unknown[] = []) => {
      calls.push({ text, method, params });
      return send(params);
    };
  }
  return statement;
}

/** The statements of each transaction that may write. */
function transactions(calls: readonly Call[]): readonly (readonly Call[])[] {
  const all: Call[][] = [];
  let open: Call[] | undefined;
  for (const call of calls) {
    if (call.text === 'begin immediate') open = [];
    else if (call.text === 'commit' && open !== undefined) {
      all.push(open);
      open = undefined;
    } else open?.push(call);
  }
  return all;
}
