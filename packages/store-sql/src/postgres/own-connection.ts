/**
 * One connection beside the application's pool: for hints, and for heartbeats that must not wait for a slot of the pool.
 *
 * O1. It takes no slot of the pool, never keeps the process alive by itself, and never ends it.
 * O2. One piece of work at a time, each with a deadline: a connection that does not answer is given up.
 * O3. While idle it asks the server for a sign of life: a half-open connection looks like a silent one.
 * O4. A lost connection comes back, later each time. Until then callers do without: nothing here waits for it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type PgSend, sendOver } from './driver.js';
import type { TransactionKind } from './link.js';
import type { OwnClient, PgNotification } from './own-client.js';

export interface OwnConnectionOptions {
  readonly createClient: () => OwnClient;
  /** The client is connected, and nobody else uses it yet: what it throws, or its deadline, is a failed connection. */
  readonly prepare: (client: OwnClient) => Promise<void>;
  /** The connection can be used. */
  readonly onUp: () => void;
  readonly onNotification: (notification: PgNotification, client: OwnClient) => void;
}

/** Milliseconds. */
const WORK_TIMEOUT_MS = 4_000;
const SIGN_OF_LIFE_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;
const END_TIMEOUT_MS = 1_000;

/** There is no connection, or it was lost meanwhile. */
class OwnConnectionLost extends Error {}

export class OwnConnection {
  readonly #options: OwnConnectionOptions;
  readonly #givenUp = new WeakSet<OwnClient>();
  #client: OwnClient | null = null;
  #state: 'new' | 'open' | 'closed' = 'new';
  /** The last piece of work. */
  #tail: Promise<unknown> = Promise.resolve();
  #attempt: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: OwnConnectionOptions) {
    this.#options = options;
  }

  /** Connects, now or as soon as the server can be reached. */
  open(): void {
    if (this.#state !== 'new') return;
    this.#state = 'open';
    this.#attempt = this.#connect();
  }

  get isUp(): boolean {
    return this.#client !== null;
  }

  /** After a try to connect that is under way: why there is no connection, or null. */
  async failure(): Promise<unknown> {
    await this.#attempt;
    return this.#failure;
  }

  /**
   * Runs work alone on the connection.
   *
   * @throws OwnConnectionLost at once if there is no connection, and when it does not answer in time
   */
  async run<T>(work: (send: PgSend) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === null) throw new OwnConnectionLost('there is no connection');
    const before = this.#tail;
    const turn = (async () => {
      await before;
      if (this.#client !== client) throw new OwnConnectionLost('the connection was lost');
      client.ref();
      try {
        return await this.#inTime(client, work(sendOver(client)));
      } finally {
        client.unref();
      }
    })();
    this.#tail = Promise.allSettled([turn]);
    return turn;
  }

  /**
   * As a `PostgresLink` does it.
   *
   * @throws OwnConnectionLost as `run`; what the work throws
   */
  transaction<T>(
    { begin }: TransactionKind,
    work: (send: PgSend, opening: readonly string[]) => Promise<T>,
  ): Promise<T> {
    return this.run(async (send) => {
      try {
        const result = await work(send, [begin]);
        await send('commit');
        return result;
      } catch (error) {
        await send('rollback');
        throw error;
      }
    });
  }

  /** Ends the connection, and every try to have one. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#disarm();
    const client = this.#client;
    this.#client = null;
    client?.ref();
    await Promise.race([
      Promise.all([client?.end(), this.#attempt]),
      delay(END_TIMEOUT_MS, undefined, { ref: false }),
    ]);
  }

  async #connect(): Promise<void> {
    const { createClient, prepare, onUp, onNotification } = this.#options;
    const client = createClient();
    // For as long as it lives: a client may have something to say after its end.
    client.on('error', (error) => this.#giveUp(client, error));
    client.on('end', () => this.#giveUp(client, new OwnConnectionLost('the connection has ended')));
    client.on('notification', (notification) => {
      if (this.#client === client) onNotification(notification, client);
    });
    client.unref();
    try {
      await client.connect();
      // With encryption its socket is another one by now.
      client.unref();
      await this.#inTime(client, prepare(client));
    } catch (error) {
      this.#giveUp(client, error);
      return;
    }
    if (this.#state === 'closed') {
      await client.end();
      return;
    }
    if (this.#givenUp.has(client)) return;
    this.#client = client;
    this.#failure = null;
    this.#armSignOfLife();
    onUp();
  }

  /** Rejects when the work takes too long, and gives the client up: nobody knows what it will still do. */
  async #inTime<T>(client: OwnClient, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new OwnConnectionLost(`no answer within ${WORK_TIMEOUT_MS} ms`);
      timer = setTimeout(() => {
        this.#giveUp(client, error);
        reject(error);
      }, WORK_TIMEOUT_MS).unref();
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #armSignOfLife(): void {
    this.#arm(SIGN_OF_LIFE_MS, () => void this.#askForSignOfLife());
  }

  async #askForSignOfLife(): Promise<void> {
    const client = this.#client;
    try {
      await this.run((send) => send('select 1'));
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#armSignOfLife();
    } catch (error) {
      if (client !== null) this.#giveUp(client, error);
    }
  }

  #giveUp(client: OwnClient, reason: unknown): void {
    if (this.#givenUp.has(client)) return;
    this.#givenUp.add(client);
    if (this.#client === client) this.#client = null;
    this.#failure = reason;
    void client.end();
    if (this.#state === 'closed') return;
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    this.#arm(pauseMs, () => {
      this.#attempt = this.#connect();
    });
  }

  #arm(delayMs: number, task: () => void): void {
    this.#disarm();
    this.#timer = setTimeout(task, delayMs).unref();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
