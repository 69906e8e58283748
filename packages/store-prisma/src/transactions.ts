/** Prisma's interactive transactions on PostgreSQL, as far as the store takes part in them. */
import {
  type MaybePromise,
  type OrmTransactions,
  PostgresSession,
  type ScriptRunner,
} from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaClientLike, RawClient } from './client.js';
import { readRows } from './raw-queries.js';
import { orEnded, requireTransaction } from './transaction-client.js';

/** Of `ctx.transaction`: its function may take its time, and Prisma would end the transaction after 5 seconds. */
const LIMITS = { timeout: 600_000, maxWait: 60_000 } as const;

/** `$transaction` with a function. The level is that of the client's own `transactionOptions`. */
interface InteractiveClient {
  $transaction<T>(work: (tx: RawClient) => Promise<T>, options: typeof LIMITS): Promise<T>;
}

/** Commits when the work resolves, and rolls back with its error. */
export function inTransaction<T>(
  client: PrismaClientLike,
  work: (tx: RawClient) => Promise<T>,
): Promise<T> {
  return (client as PrismaClientLike & InteractiveClient).$transaction(work, LIMITS);
}

export class PostgresTransactions implements OrmTransactions<RawClient> {
  readonly #client: PrismaClientLike;
  readonly #now: (() => number) | undefined;

  /** @param now see `ConnectionOptions` */
  constructor(client: PrismaClientLike, now: (() => number) | undefined) {
    this.#client = client;
    this.#now = now;
  }

  begin<T>(work: (tx: RawClient) => MaybePromise<T>): Promise<T> {
    return inTransaction(this.#client, async (tx) => work(tx));
  }

  runnerOf(tx: unknown): ScriptRunner {
    const client = requireTransaction(tx);
    const session = new PostgresSession({
      send: (text, values = []) =>
        orEnded(async () => ({ rows: await readRows(client, text, values) })),
      now: this.#now,
    });
    return { run: (script) => session.run(script()) };
  }
}
