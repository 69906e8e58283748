/**
 * Scripts inside a transaction that the application has open on MySQL or MariaDB.
 *
 * - Its isolation level is the application's. At REPEATABLE READ, the default, a plain read answers with what was there when
 *   the transaction first read anything: the scripts read with locks.
 * - Its session is the application's, too. Most need nothing; what has to be set in others is put back before the script's
 *   answer is given. No setting is touched that would end the transaction, or that concerns its locks.
 */
import type { Request, Script } from '../sql/script.js';
import type { MySqlSend } from './driver.js';
import { MySqlSession } from './mysql-session.js';
import { sessionNow } from './server.js';
import { RESTORE_INSIDE, SET_INSIDE } from './session-settings.js';

export interface MySqlScriptsOptions {
  /** Sends a statement in the transaction. */
  readonly send: MySqlSend;
  /** Epoch milliseconds, in place of the database's clock. For tests. */
  readonly now: (() => number) | undefined;
}

/** The `ScriptRunner` of an open transaction. */
export class MySqlScripts {
  readonly #send: MySqlSend;
  readonly #now: (() => number) | undefined;

  constructor({ send, now }: MySqlScriptsOptions) {
    this.#send = send;
    this.#now = now;
  }

  async run<T>(script: () => Script<T>): Promise<T> {
    const steps = script();
    let step = steps.next();
    // Savepoints carry no text of users, and mean the same in every session.
    while (!step.done && step.value.op === 'define') {
      await this.#send(step.value.text);
      step = steps.next();
    }
    return step.done ? step.value : this.#inSession(steps, step.value);
  }

  async #inSession<T>(steps: Script<T>, first: Request): Promise<T> {
    const { server, isUsual } = await sessionNow(this.#send);
    const session = new MySqlSession({
      ...{ send: this.#send, server, now: this.#now ?? null, readsLatest: true },
      neverBack: (now) => now,
    });
    if (isUsual) return finish(session, steps, first);
    await this.#send(SET_INSIDE);
    try {
      return await finish(session, steps, first);
    } finally {
      await this.#send(RESTORE_INSIDE);
    }
  }
}

async function finish<T>(session: MySqlSession, steps: Script<T>, first: Request): Promise<T> {
  let step = steps.next(await session.answer(first));
  while (!step.done) step = steps.next(await session.answer(step.value));
  return step.value;
}
