/** Prisma's interactive transactions on PostgreSQL, as far as the store takes part in them. */
import {
  type MaybePromise,
  type OrmTransactions,
  PostgresSession,
  type ScriptRunner,
} from '@dudousxd/nestjs-durable-store-sql';
import { BodyClient } from './body-client.js';
import type { PrismaClientLike, RawClient } from './client.js';
import { toDriverError } from './driver-error.js';
import { execute, readRows } from './raw-queries.js';
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

/**
 * Prisma takes a client of the pool as it is. In a transaction that someone has left open on it, BEGIN does nothing, and
 * COMMIT would commit what others believe to be gone. This changes nothing in a new transaction, and fails in one in which
 * something has been read or written; the ROLLBACK that follows ends it.
 */
const REQUIRE_NEW = 'set transaction not deferrable';
/** A statement comes too late in its transaction; BEGIN in a transaction that has failed, of which Prisma drops the client. */
const NOT_NEW: readonly unknown[] = ['25001', '25P02'];
/** More than an application has connections. */
const MAX_LEFT_OPEN = 1_000;

export class PostgresTransactions implements OrmTransactions<RawClient> {
  readonly #client: PrismaClientLike;
  readonly #now: (() => number) | undefined;
  readonly #bodies = new WeakMap<RawClient, BodyClient>();

  /** @param now see `ConnectionOptions` */
  constructor(client: PrismaClientLike, now: (() => number) | undefined) {
    this.#client = client;
    this.#now = now;
  }

  async begin<T>(work: (tx: RawClient) => MaybePromise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const body = new BodyClient(this.#client);
      let isNew = false;
      try {
        return await inTransaction(body.root, async (tx) => {
          await body.asOwn(() => execute(tx, REQUIRE_NEW, []));
          isNew = true;
          const guarded = body.guarded(tx);
          this.#bodies.set(guarded, body);
          return body.run(() => work(guarded));
        });
      } catch (error) {
        if (isNew || tries === MAX_LEFT_OPEN || !isNotNew(error)) throw error;
      }
    }
  }

  seal(tx: RawClient, transaction: string): ScriptRunner {
    const body = this.#bodies.get(tx);
    body?.seal(transaction);
    const runner = this.runnerOf(tx);
    return body ? { run: (script) => body.asOwn(async () => runner.run(script)) } : runner;
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

function isNotNew(error: unknown): boolean {
  return NOT_NEW.includes(Reflect.get(Object(toDriverError(error)), 'code'));
}
