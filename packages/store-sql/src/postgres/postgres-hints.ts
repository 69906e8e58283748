/**
 * Hints by LISTEN and NOTIFY. The channel is that of the tables in use, by the number that the database gives to one of
 * them: several schemas of one database do not hear each other. What is sent is the namespace.
 *
 * A pooler between process and server lends another of its connections for each transaction: what LISTENs there hears
 * nothing, or hears it for others. The server's process id tells: it is not the one that was given at the connection.
 */
import type { HintListener } from '@dudousxd/nestjs-durable-core';
import type { HintBus } from '../sql/hints.js';
import { query } from '../sql/statement.js';
import { sendOver } from './driver.js';
import type { OwnClient, PgNotification } from './own-client.js';
import { OwnConnection } from './own-connection.js';

const CHANNEL = "'durable_hints_' || cast('durable_ready'::regclass::oid as text)";

/** Asks for the name of the channel. */
export const CHANNEL_NAME = query<{ readonly channel: string }>(
  'hintChannel',
  `select ${CHANNEL} as channel`,
);

const NOTIFY = 'select pg_notify($1, n) from unnest($2::text[]) n';

/**
 * The statement that gives a hint when the transaction that it is part of commits: for those who start or signal inside
 * a transaction of the application. It has to run where the store's tables are visible.
 */
export function hintStatement(namespace: string): {
  readonly text: string;
  readonly values: readonly [string];
} {
  return { text: `select pg_notify(${CHANNEL}, $1)`, values: [namespace] };
}

export interface PostgresHintsOptions {
  readonly createClient: () => OwnClient;
  /** Reads the channel's name where the store works. */
  readonly readChannel: () => Promise<string>;
}

/** The pool's clients have another search_path than its options say. */
class OtherTablesError extends Error {
  constructor() {
    super(
      "a connection with the pool's options finds other tables than its clients: " +
        "set search_path in the pool's options (options: '-c search_path=…'), or for the role, not per client",
    );
  }
}

export class PostgresHints implements HintBus {
  readonly connection: OwnConnection;
  /** Whether something stands between process and server that LISTEN does not get through. */
  hasPooler = false;
  readonly #options: PostgresHintsOptions;
  readonly #listeners = new Set<HintListener>();
  /** Namespaces whose hints wait for the connection. */
  readonly #waiting = new Set<string>();
  #channel: string | null = null;

  constructor(options: PostgresHintsOptions) {
    this.#options = options;
    this.connection = new OwnConnection({
      createClient: options.createClient,
      prepare: (client) => this.#prepare(client),
      onUp: () => this.#onUp(),
      onNotification: (notification, client) => this.#onNotification(notification, client),
    });
  }

  /** Without a connection the hint goes out when there is one. */
  async send(namespace: string): Promise<void> {
    this.#waiting.add(namespace);
    this.connection.open();
    if (this.connection.isUp) await this.#sendWaiting();
  }

  listen(listener: HintListener): () => void {
    this.#listeners.add(listener);
    this.connection.open();
    return () => this.#listeners.delete(listener);
  }

  /** Why the connection cannot be had now, or null. Connects if it has not been tried. */
  failure(): Promise<unknown> {
    this.connection.open();
    return this.connection.failure();
  }

  async #prepare(client: OwnClient): Promise<void> {
    this.#channel ??= await this.#options.readChannel();
    const send = sendOver(client);
    const { rows } = await send(`select pg_backend_pid() as pid, ${CHANNEL} as channel`);
    const [row] = rows as readonly { readonly pid: number; readonly channel: string }[];
    // Where a listener of the pool's sets it, a client of our own would work on the tables of others.
    if (row?.channel !== this.#channel) throw new OtherTablesError();
    this.hasPooler = row?.pid !== client.processID;
    if (!this.hasPooler) await send(`listen ${this.#channel}`);
  }

  #onUp(): void {
    for (const listener of this.#listeners) listener(null);
    if (this.#waiting.size > 0) void this.#sendWaiting();
  }

  async #sendWaiting(): Promise<void> {
    const namespaces = [...this.#waiting];
    this.#waiting.clear();
    try {
      await this.connection.run((send) => send(NOTIFY, [this.#channel, namespaces]));
    } catch {
      // Whether it was sent or not: it goes out once more when there is a connection again.
      for (const namespace of namespaces) this.#waiting.add(namespace);
    }
  }

  #onNotification({ channel, payload, processId }: PgNotification, client: OwnClient): void {
    if (channel !== this.#channel || payload === undefined) return;
    // This process has looked itself before it told the others.
    if (processId === client.processID) return;
    for (const listener of this.#listeners) listener(payload);
  }
}
