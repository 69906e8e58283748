/**
 * The statements of the store for one run of five steps, recorded while the engine executes many at once, and made into
 * templates: the raw loop sends the very texts that the store sends, with rows for other runs.
 *
 * The hot statements take lists of rows as JSON parameters. A row says by `i` to which item of the batch it belongs.
 */
import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool, type PoolClient } from 'pg';
import { closedLoop, runOnce } from '../measure.js';
import { registerWorkloads } from '../workloads.js';
import { RAW_WORKER } from './raw-rows.js';

type Row = Readonly<Record<string, unknown>>;

/** A prepared statement with its parameters: lists of rows, or values as they are. */
interface Call {
  readonly text: string;
  readonly params: readonly (readonly Row[] | unknown)[];
}

/** What one run adds to a batch: for each list of rows, its own. */
export interface Item {
  readonly call: Call;
  readonly runId: string;
  readonly rows: readonly (readonly Row[])[];
}

/** The creation of a run, and its five turns. */
export interface RecordedRun {
  readonly start: Item;
  readonly turns: readonly Item[];
}

const RUNS = 200;
const IN_FLIGHT = 64;
const STEPS = 5;

/** Executes runs on the database through Drizzle, and returns what one of them has written. */
export async function recordRun(url: string): Promise<RecordedRun> {
  const pool = new Pool({ connectionString: url });
  const calls: Call[] = [];
  pool.on('connect', (client) => record(client, calls));
  const engine = new DurableEngine({ store: new DrizzleStateStore(drizzle(pool)) });
  registerWorkloads(engine);
  await engine.start();
  let last = '';
  await closedLoop(RUNS, IN_FLIGHT, async () => {
    last = await runOnce(engine, 'sequential', STEPS);
  });
  await engine.stop();
  await pool.end();
  return templates(calls, last);
}

/** Notes the statements that the store keeps prepared: those of the hot path. */
function record(client: PoolClient, calls: Call[]): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const recording = (...args: unknown[]): unknown => {
    const [config] = args as readonly { name?: string; text: string; values?: unknown[] }[];
    if (config?.name && config.values) {
      calls.push({ text: config.text, params: config.values.map(parsed) });
    }
    return query(...args);
  };
  client.query = recording as typeof client.query;
}

function parsed(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('[') ? JSON.parse(value) : value;
}

function templates(calls: readonly Call[], runId: string): RecordedRun {
  const items = calls.flatMap((call) => itemOf(call, runId) ?? []);
  const [start, ...turns] = items;
  if (start === undefined || turns.length !== STEPS) {
    throw new Error(
      `a run of ${STEPS} steps wrote ${items.length} times: the raw loop has to follow the store`,
    );
  }
  const worker = turns[0]?.rows[0]?.[0]?.worker;
  const asRaw = (item: Item): Item => ({
    ...item,
    rows: item.rows.map((list) => list.map((row) => replaced(row, worker, RAW_WORKER))),
  });
  return { start: asRaw(start), turns: turns.map(asRaw) };
}

/** What the call wrote for the run; undefined if nothing. */
function itemOf(call: Call, runId: string): Item | undefined {
  const lists = call.params.map((param) => (Array.isArray(param) ? (param as readonly Row[]) : []));
  const own = lists.flat().find((row) => Object.values(row).includes(runId));
  if (own === undefined) return undefined;
  return { call, runId, rows: lists.map((list) => list.filter(({ i }) => i === own.i)) };
}

/** The parameters of one statement for items of several runs. The longest call also does what the shorter ones do. */
export function batchOf(items: readonly { readonly item: Item; readonly id: string }[]): {
  readonly text: string;
  readonly values: unknown[];
} {
  const call = items.reduce<Call | undefined>(
    (longest, { item }) =>
      longest && longest.params.length >= item.call.params.length ? longest : item.call,
    undefined,
  );
  if (!call) throw new Error('an empty batch');
  const values = call.params.map((param, place) => {
    if (!Array.isArray(param)) return param;
    return JSON.stringify(
      items.flatMap(({ item, id }, i) =>
        (item.rows[place] ?? []).map((row) => ({ ...replaced(row, item.runId, id), i })),
      ),
    );
  });
  return { text: call.text, values };
}

function replaced(row: Row, value: unknown, by: string): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...row };
  for (const key in copy) if (copy[key] === value) copy[key] = by;
  return copy;
}
