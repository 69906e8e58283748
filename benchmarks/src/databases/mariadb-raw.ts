import { type Connection, createConnection } from 'mysql2/promise';
import type { Raw } from './database.js';
import { RawBatcher } from './raw-batcher.js';
import { HISTORY_COLUMNS, historyRow, newId, RAW_WORKER } from './raw-rows.js';

const STEPS = 5;

interface Turn {
  readonly id: string;
  readonly seq: number;
}

const RUN_COLUMNS =
  'id, worker, epoch, branch, status, namespace, workflow, version, priority, crashes, created_at, started_at, ' +
  'seed, input_digest, tags, input';

function runRow(id: string): readonly (string | number)[] {
  const now = Date.now();
  const place = ['running', 'default', 'sequential', '1'];
  return [id, RAW_WORKER, 1, 0, ...place, 0, 0, now, now, id, '0'.repeat(32), '[]', '5'];
}

/**
 * What an engine that checks who owns a run cannot do without, in batches as the engine makes them. A batch of turns is a
 * transaction: a locked look at the owners, the history rows, the ends of runs. The store's own statements depend on the
 * size of the batch, so these are written by hand.
 */
export class MariaDbRaw implements Raw {
  readonly #connections: readonly [Connection, Connection];
  readonly #starts: RawBatcher<string, Connection>;
  readonly #turns: RawBatcher<Turn, Connection>;
  readonly #loneRun = newId();
  #seq = 0;

  private constructor(connections: readonly [Connection, Connection]) {
    this.#connections = connections;
    this.#starts = new RawBatcher([connections[0]], insertRuns);
    this.#turns = new RawBatcher([connections[1]], commitTurns);
  }

  static async open(url: string): Promise<MariaDbRaw> {
    const connections = [await createConnection(url), await createConnection(url)] as const;
    for (const connection of connections) {
      await connection.query('set session transaction isolation level read committed');
    }
    const raw = new MariaDbRaw(connections);
    await raw.#starts.submit(raw.#loneRun);
    return raw;
  }

  async run(): Promise<void> {
    const id = newId();
    await this.#starts.submit(id);
    for (let seq = 1; seq <= STEPS; seq += 1) await this.#turns.submit({ id, seq });
  }

  async commit(): Promise<void> {
    const [connection] = this.#connections;
    await connection.query('begin');
    const look = 'select worker, epoch from durable_runs where id = ? for update';
    await connection.execute(look, [this.#loneRun]);
    await this.insert();
    await connection.query('commit');
  }

  async insert(): Promise<void> {
    const [connection] = this.#connections;
    this.#seq += 1;
    const row = [...historyRow(this.#loneRun, this.#seq)];
    await connection.execute(insertText('durable_history', HISTORY_COLUMNS, [row]), row);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await connection.end();
  }
}

async function insertRuns(connection: Connection, ids: readonly string[]): Promise<void> {
  const rows = ids.map(runRow);
  await connection.query(insertText('durable_runs', RUN_COLUMNS, rows), rows.flat());
}

async function commitTurns(connection: Connection, turns: readonly Turn[]): Promise<void> {
  const ids = turns.map(({ id }) => id).sort();
  const ended = turns.flatMap(({ id, seq }) => (seq === STEPS ? [id] : []));
  const rows = turns.map(({ id, seq }) => historyRow(id, seq));
  await connection.query('begin');
  await connection.query('select id, worker, epoch from durable_runs where id in (?) for update', [
    ids,
  ]);
  await connection.query(insertText('durable_history', HISTORY_COLUMNS, rows), rows.flat());
  if (ended.length > 0) {
    const end = "worker = null, status = 'completed', output = '5', finished_at = ?";
    await connection.query(`update durable_runs set ${end} where id in (?)`, [Date.now(), ended]);
  }
  await connection.query('commit');
}

function insertText(table: string, columns: string, rows: readonly (readonly unknown[])[]): string {
  const values = rows.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
  return `insert into ${table} (${columns}) values ${values}`;
}
