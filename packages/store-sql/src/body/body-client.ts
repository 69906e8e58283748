/** A client of `pg` for one `ctx.transaction`: what the ORM has of it, and what the store has. */
import type { PgClient, PgResult } from '../postgres/driver.js';
import { sendOver } from '../postgres/driver.js';
import { PostgresSession } from '../postgres/postgres-session.js';
import type { ScriptRunner } from '../sql/orm-transactions.js';
import { BodyGuard } from './body-guard.js';

type Query = (query: unknown, ...rest: unknown[]) => unknown;

/** COMMIT of a transaction in which a statement has failed, which PostgreSQL answers without an error. */
class CommitRefused extends Error {}

export class BodyClient {
  readonly guard = new BodyGuard();
  /** For the ORM: the client, but for its statements, which are guarded, and for its release, which is not the ORM's. */
  readonly guarded: PgClient;
  readonly #native: PgClient;

  constructor(native: PgClient) {
    this.#native = native;
    const query = this.#query.bind(this);
    const own: Partial<Record<PropertyKey, unknown>> = { query, release: ignore };
    this.guarded = new Proxy(native, {
      get(target, key) {
        const value: unknown = own[key] ?? Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /**
   * The function is done: see `OrmTransactions.seal`.
   *
   * @param now see `ConnectionOptions`
   */
  seal(transaction: string, now: (() => number) | undefined): ScriptRunner {
    this.guard.seal(transaction);
    const send = sendOver(this.#native);
    return { run: (script) => new PostgresSession({ send, now }).run(script()) };
  }

  #query(query: unknown, ...rest: unknown[]): unknown {
    const text = textOf(query);
    const { guard } = this;
    const send = (): unknown =>
      Reflect.apply(this.#native.query as Query, this.#native, [query, ...rest]);
    // A cursor or a stream, which is read as it comes, or a call with a callback.
    if (isSubmittable(query) || typeof rest.at(-1) === 'function') {
      guard.pass(text);
      return send();
    }
    return guarded(guard, text, send);
  }
}

async function guarded(guard: BodyGuard, text: string, send: () => unknown): Promise<unknown> {
  guard.pass(text);
  const result = await guard.during(Promise.resolve(send()));
  if (
    /^commit\b/i.test(text) &&
    (result as PgResult & { command?: unknown }).command === 'ROLLBACK'
  ) {
    throw new CommitRefused(
      'The transaction was rolled back in place of COMMIT: a statement at its end had failed.',
    );
  }
  return result;
}

function isSubmittable(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'submit' in query;
}

function textOf(query: unknown): string {
  const text = typeof query === 'object' && query !== null ? Reflect.get(query, 'text') : query;
  return typeof text === 'string' ? text : '';
}

function ignore(): void {}
