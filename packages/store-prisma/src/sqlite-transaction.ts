/** Scripts on SQLite inside a transaction of Prisma, whose statements are asynchronous. */
import {
  type Params,
  type Request,
  type Script,
  type Statement,
  sqlite,
} from '@dudousxd/nestjs-durable-store-sql';
import type { RawClient } from './client.js';
import { execute, readRows } from './raw-queries.js';
import { orEnded } from './transaction-client.js';

type Each = { readonly statement: Statement; readonly params: readonly Params[] };

export class SqliteTransactionSession {
  readonly #tx: RawClient;
  readonly #clock: () => number;
  #lastNow = 0;

  /** @param clock epoch milliseconds: the database's clock, which in SQLite is the process's */
  constructor(tx: RawClient, clock: () => number = Date.now) {
    this.#tx = tx;
    this.#clock = clock;
  }

  async run<T>(script: Script<T>): Promise<T> {
    let step = script.next();
    while (!step.done) {
      const request = step.value;
      step = script.next(await orEnded(() => this.#answer(request)));
    }
    return step.value;
  }

  async #answer(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'now':
        return this.#now();
      case 'rows':
        return this.#each(request, (text, params) => readRows(this.#tx, text, params));
      case 'first':
        return this.#each(request, async (text, params) => {
          const [row] = await readRows(this.#tx, text, params);
          return row;
        });
      case 'insertNew':
        return this.#each(
          request,
          async (text, params) => (await execute(this.#tx, text, params)) === 1,
        );
      case 'change':
        return this.#each(request, (text, params) => execute(this.#tx, text, params));
      case 'lock':
        // The transaction that may write is the only one.
        return undefined;
      case 'lockRows':
        return request.params.map(() => true);
      case 'define':
        return execute(this.#tx, request.text, []);
      default:
        return request satisfies never;
    }
  }

  /** One after the other: they are all on one connection. */
  async #each<T>(
    { statement, params }: Each,
    send: (text: string, params: Params) => Promise<T>,
  ): Promise<T[]> {
    const text = sqlite.textOf(statement);
    const answers: T[] = [];
    for (const row of params) answers.push(await send(text, row));
    return answers;
  }

  #now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#clock());
    return this.#lastNow;
  }
}
