import { Client } from 'pg';
import type { Raw } from './database.js';
import { batchOf, type Item, type RecordedRun, recordRun } from './postgres-recording.js';
import { RawBatcher } from './raw-batcher.js';
import { HISTORY_COLUMNS, historyRow, newId } from './raw-rows.js';

interface Write {
  readonly item: Item;
  readonly id: string;
}

const LOOK = 'select worker, epoch from durable_runs where id = $1 for no key update';
const INSERT = `insert into durable_history (${HISTORY_COLUMNS}) values (${HISTORY_COLUMNS.split(
  ',',
)
  .map((_, i) => `$${i + 1}`)
  .join(', ')})`;

/** The store's own statements on two connections, prepared, in batches as the engine's. */
export class PostgresRaw implements Raw {
  readonly #clients: readonly [Client, Client];
  readonly #recorded: RecordedRun;
  readonly #starts: RawBatcher<Write, Client>;
  readonly #turns: RawBatcher<Write, Client>;
  readonly #statements = new Map<string, { readonly name: string; uses: number }>();
  readonly #loneRun: string;
  #seq = 0;

  private constructor(clients: readonly [Client, Client], recorded: RecordedRun) {
    this.#clients = clients;
    this.#recorded = recorded;
    const send = (client: Client, writes: readonly Write[]) => this.#send(client, writes);
    // The engine, too, has two lanes for each.
    this.#starts = new RawBatcher(clients, send);
    this.#turns = new RawBatcher(clients, send);
    this.#loneRun = newId();
  }

  static async open(url: string): Promise<PostgresRaw> {
    const recorded = await recordRun(url);
    const clients = [new Client(url), new Client(url)] as const;
    for (const client of clients) {
      // Its next statement fails, too: the event alone must not end the process.
      client.on('error', () => {});
      await client.connect();
    }
    const raw = new PostgresRaw(clients, recorded);
    await raw.#starts.submit({ item: recorded.start, id: raw.#loneRun });
    return raw;
  }

  async run(): Promise<void> {
    const id = newId();
    const { start, turns } = this.#recorded;
    await this.#starts.submit({ item: start, id });
    for (const item of turns) await this.#turns.submit({ item, id });
  }

  async commit(): Promise<void> {
    const [client] = this.#clients;
    this.#seq += 1;
    await client.query('begin');
    await client.query({ name: 'look', text: LOOK, values: [this.#loneRun] });
    await this.#insertOne(client);
    await client.query('commit');
  }

  async insert(): Promise<void> {
    this.#seq += 1;
    await this.#insertOne(this.#clients[0]);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.end();
  }

  async #insertOne(client: Client): Promise<void> {
    const values = [...historyRow(this.#loneRun, this.#seq)];
    await client.query({ name: 'insert', text: INSERT, values });
  }

  async #send(client: Client, writes: readonly Write[]): Promise<void> {
    const { text, values } = batchOf(writes);
    const { rowCount } = await client.query({ name: this.#nameOf(text), text, values });
    if (rowCount !== writes.length) throw new Error(`${rowCount} of ${writes.length} were written`);
  }

  /** Like the store, prepares a statement anew now and then: a plan of small tables is bad for large ones. */
  #nameOf(text: string): string {
    const statement = this.#statements.get(text) ?? {
      name: `raw_${this.#statements.size}`,
      uses: 0,
    };
    this.#statements.set(text, statement);
    statement.uses += 1;
    return `${statement.name}_${Math.trunc(Math.log10(statement.uses))}`;
  }
}
