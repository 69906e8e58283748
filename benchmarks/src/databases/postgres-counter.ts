/** Counts what PostgreSQL answers to clients of `pg` in this process, whichever ORM has made them. */
import { createRequire } from 'node:module';
import { Client } from 'pg';

/** The server sends one of these at the end of every statement, also for each of several in one text. */
const ENDS = ['commandComplete', 'emptyQuery', 'errorMessage'];

/** They may bring a `pg` of their own. */
const ORM_DRIVERS = ['@mikro-orm/postgresql'];

let count = 0;
const watched = new Set<typeof Client>();

/** From here on, new connections are counted. Returns the count so far. */
export function countStatements(): () => number {
  watch(Client);
  for (const name of ORM_DRIVERS) {
    const load = createRequire(import.meta.resolve(name));
    watch((load('pg') as { readonly Client: typeof Client }).Client);
  }
  return () => count;
}

function watch(ClientClass: typeof Client): void {
  if (watched.has(ClientClass)) return;
  watched.add(ClientClass);
  const { connect } = ClientClass.prototype;
  const counting = function (this: Client, ...args: unknown[]): unknown {
    for (const end of ENDS) {
      this.connection.on(end, () => {
        count += 1;
      });
    }
    return Reflect.apply(connect, this, args);
  };
  ClientClass.prototype.connect = counting as typeof connect;
}
