/** Scripts on SQLite inside an open transaction of a driver whose statements are asynchronous. */
import { sqlite } from '../dialect/sqlite.js';
import type { Request, Script } from '../sql/script.js';
import type { Params, Statement } from '../sql/statement.js';

/** What one statement has answered. */
export interface SqliteAnswer {
  readonly rows: readonly unknown[];
  /** Rows that it has inserted, updated or deleted. */
  readonly changes: number;
}

/** Sends one statement to the transaction. Integers come as numbers. */
export type SqliteSend = (text: string, params: Params) => Promise<SqliteAnswer>;

type Each = { readonly statement: Statement; readonly params: readonly Params[] };

export class AsyncSqliteSession {
  readonly #send: SqliteSend;
  readonly #clock: () => number;
  #lastNow = 0;

  /** @param clock epoch milliseconds: the database's clock, which in SQLite is the process's */
  constructor(send: SqliteSend, clock: () => number = Date.now) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Runs a script, one statement after the other. */
  async run<T>(script: Script<T>): Promise<T> {
    let step = script.next();
    while (!step.done) step = script.next(await this.#answer(step.value));
    return step.value;
  }

  async #answer(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'now':
        return this.#now();
      case 'rows':
        return this.#each(request, ({ rows }) => rows);
      case 'first':
        return this.#each(request, ({ rows }) => rows[0]);
      case 'insertNew':
        return this.#each(request, ({ changes }) => changes === 1);
      case 'change':
        await this.#each(request, () => undefined);
        return undefined;
      case 'lock':
        // The transaction that may write is the only one.
        return undefined;
      case 'lockRows':
        return request.params.map(() => true);
      case 'define':
        await this.#send(request.text, []);
        return undefined;
      default:
        return request satisfies never;
    }
  }

  async #each<T>(
    { statement, params }: Each,
    read: (answer: SqliteAnswer) => T,
  ): Promise<readonly T[]> {
    const text = sqlite.textOf(statement);
    const answers: T[] = [];
    for (const row of params) answers.push(read(await this.#send(text, row)));
    return answers;
  }

  #now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#clock());
    return this.#lastNow;
  }
}
