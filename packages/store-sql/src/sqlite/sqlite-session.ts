/** Scripts on a better-sqlite3 handle, inside whatever transaction is open on it. */
import { sqlite } from '../dialect/sqlite.js';
import type { Request, Script } from '../sql/script.js';
import type { Params, Statement } from '../sql/statement.js';
import type { SqliteDriver, SqliteStatement } from './driver.js';

export class SqliteSession {
  readonly #driver: SqliteDriver;
  readonly #clock: () => number;
  readonly #prepared = new WeakMap<Statement, SqliteStatement>();
  readonly #byText = new Map<string, SqliteStatement>();
  #lastNow = 0;

  /** @param clock epoch milliseconds: the database's clock, which in SQLite is the process's */
  constructor(driver: SqliteDriver, clock: () => number = Date.now) {
    this.#driver = driver;
    this.#clock = clock;
  }

  /** Runs a script in one go. */
  run<T>(script: Script<T>): T {
    let step = script.next();
    while (!step.done) step = script.next(this.#answer(step.value));
    return step.value;
  }

  #answer(request: Request): unknown {
    switch (request.op) {
      case 'now':
        return this.#now();
      case 'rows':
        return this.#each(request, (statement, params) => statement.all(params));
      case 'first':
        return this.#each(request, (statement, params) => statement.get(params));
      case 'insertNew':
        return this.#each(
          request,
          (statement, params) => Number(statement.run(params).changes) === 1,
        );
      case 'change':
        this.#change(request);
        return undefined;
      case 'lock':
        // The transaction that may write is the only one.
        return undefined;
      case 'lockRows':
        return request.params.map(() => true);
      case 'define':
        this.#driver.exec(request.text);
        return undefined;
      default:
        return request satisfies never;
    }
  }

  #each<T>(
    { statement, params }: { readonly statement: Statement; readonly params: readonly Params[] },
    send: (prepared: SqliteStatement, params: Params) => T,
  ): T[] {
    const prepared = this.#prepare(statement);
    return params.map((row) => send(prepared, row));
  }

  #change({ statement, params }: Extract<Request, { op: 'change' }>): void {
    const prepared = this.#prepare(statement);
    for (const row of params) prepared.run(row);
  }

  #prepare(statement: Statement): SqliteStatement {
    const known = this.#prepared.get(statement);
    if (known) return known;
    const prepared = this.text(sqlite.textOf(statement));
    this.#prepared.set(statement, prepared);
    return prepared;
  }

  /** A statement of that text, prepared once. */
  text(text: string): SqliteStatement {
    const known = this.#byText.get(text);
    if (known) return known;
    const prepared = this.#driver.prepare(text);
    // Whatever the application has set on a handle that it shares.
    prepared.safeIntegers?.(false);
    this.#byText.set(text, prepared);
    return prepared;
  }

  #now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#clock());
    return this.#lastNow;
  }
}
