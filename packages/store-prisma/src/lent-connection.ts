/**
 * Connections of a pool of `mariadb` while Prisma has them. Prisma says nothing of the connection below a transaction, and
 * MySQL takes no savepoint as a prepared statement, which all raw queries of Prisma's are: so the store has to find it.
 *
 * - A connection is known from when the pool lends it until Prisma ends its transaction. After that the store sends nothing
 *   on it: it may be somebody else's.
 * - In a `ctx.transaction`, what its function has not awaited may come when it is done: from its end on, only the end of the
 *   transaction gets through. Nor does anything after a deadlock, which rolls everything back, or after a statement such as
 *   ALTER TABLE, which commits: it would be written at once, by itself.
 */
import {
  type MariaDbConnection,
  type MariaDbPool,
  type MySqlSend,
  NotATransactionError,
  sendOverMariaDb,
  TransactionBrokenError,
} from '@dudousxd/nestjs-durable-store-sql';

/** Of the status that the server sends with each answer. */
const IN_TRANSACTION = 1;
/** Deadlock, and changed since the transaction has read it: the server has rolled back. */
const ROLLED_BACK = new Set([1213, 1020]);

type Send = (query: unknown, values?: unknown) => Promise<unknown>;

/** What is used here of a connection of the pool. */
interface Lent {
  readonly threadId: number | bigint | null;
  readonly info?: { readonly status?: unknown } | null;
  query: Send;
  execute: Send;
  release(): Promise<void>;
}

/** One loan of a connection: at most one transaction. */
export class LentConnection {
  /** As Prisma's own statements are sent. */
  readonly send: MySqlSend;
  /** For the store's last statements, which come when nothing else may. */
  readonly sendLast: MySqlSend;
  readonly #lent: Lent;
  readonly #onEnd: () => void;
  readonly #marks = new Set<string>();
  #isOver = false;
  #isGuarded = false;
  #isSealed = false;
  #lost: { readonly cause: unknown } | undefined;
  #open = 0;

  constructor(lent: Lent, onEnd: () => void) {
    this.#lent = lent;
    this.#onEnd = onEnd;
    const query = lent.query.bind(lent);
    this.sendLast = this.#unlessOver(
      sendOverMariaDb({ query } as Pick<MariaDbConnection, 'query'>),
    );
    for (const name of ['query', 'execute'] as const)
      lent[name] = this.#passing(lent[name].bind(lent));
    this.send = this.#unlessOver(sendOverMariaDb(lent as unknown as MariaDbConnection));
    const release = lent.release.bind(lent);
    lent.release = () => {
      this.#end();
      return release();
    };
  }

  /** Whether a statement with this text has been sent on it. */
  hasSeen(text: string): boolean {
    return this.#marks.has(text);
  }

  /** The transaction is one of `ctx.transaction`. */
  guard(): void {
    this.#isGuarded = true;
  }

  /**
   * The function is done.
   *
   * @throws TransactionBrokenError where the transaction is gone, or a nested one is still open
   */
  seal(transaction: string): void {
    this.#isSealed = true;
    if (this.#lost) throw new TransactionBrokenError({ transaction, cause: this.#lost.cause });
    if (this.#open <= 0) return;
    const cause = new Error('a nested transaction, or a call with it, was still open: await it');
    throw new TransactionBrokenError({ transaction, cause });
  }

  #unlessOver(send: MySqlSend): MySqlSend {
    return async (text, values) => {
      if (this.#isOver) throw refusal();
      return send(text, values);
    };
  }

  #passing(send: Send): Send {
    return async (query, values) => {
      const text = textOf(query);
      const isEnd = /^(commit|rollback)$/i.test(text);
      if (this.#isGuarded && this.#isOver) throw refusal(this.#lost);
      if (!isEnd && (this.#isSealed || this.#lost)) throw refusal(this.#lost);
      if (isEnd) this.#end();
      else this.#note(text);
      try {
        const answer = await send(query, values);
        this.#look();
        return answer;
      } catch (error) {
        if (this.#isGuarded && ROLLED_BACK.has(numberOf(error))) this.#lost ??= { cause: error };
        throw error;
      }
    };
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
  }

  #note(text: string): void {
    if (text.includes(MARK)) this.#marks.add(text);
    // But for the mark that the store sets at the begin; each is ended with one statement.
    if (/^savepoint (?!durable_begin)/i.test(text)) this.#open += 1;
    else if (/^(release savepoint|rollback to( savepoint)?) /i.test(text)) this.#open -= 1;
  }

  #look(): void {
    const status = this.#lent.info?.status;
    if (!this.#isGuarded || this.#isOver || typeof status !== 'number') return;
    if ((status & IN_TRANSACTION) !== 0) return;
    this.#lost ??= { cause: new Error('a statement has ended the transaction') };
  }
}

/** In the text of a statement by which a connection is recognised. */
export const MARK = 'durable_mark';

/** The connections that a pool has lent. */
export class LentConnections {
  readonly #byThread = new Map<number, LentConnection>();

  private constructor(pool: MariaDbPool) {
    const connect = pool.getConnection.bind(pool);
    pool.getConnection = async () => {
      const lent = (await connect()) as Lent;
      this.#add(lent);
      return lent;
    };
  }

  /** Looks at what the pool lends from now on. */
  static of(pool: MariaDbPool): LentConnections {
    const known = registries.get(pool);
    if (known) return known;
    const created = new LentConnections(pool);
    registries.set(pool, created);
    return created;
  }

  /** @param threadId as the server calls the connection */
  find(threadId: number): LentConnection | undefined {
    return this.#byThread.get(threadId);
  }

  #add(lent: Lent): void {
    const threadId = Number(lent.threadId);
    const connection = new LentConnection(lent, () => {
      if (this.#byThread.get(threadId) === connection) this.#byThread.delete(threadId);
    });
    this.#byThread.set(threadId, connection);
  }
}

const registries = new WeakMap<object, LentConnections>();

function refusal(lost?: { readonly cause: unknown }): NotATransactionError {
  return new NotATransactionError({
    received: 'one that has ended',
    todo: 'Await everything inside the function of the transaction, and let the errors of its statements go through.',
    ...lost,
  });
}

function textOf(query: unknown): string {
  const text = typeof query === 'object' && query !== null ? Reflect.get(query, 'sql') : query;
  return typeof text === 'string' ? text : '';
}

function numberOf(error: unknown): number {
  return typeof error === 'object' && error !== null ? Number(Reflect.get(error, 'errno')) : 0;
}
