/** Counts what PostgreSQL answers to clients of `pg` in this process, whichever ORM has made them. */
import { Client } from 'pg';

/** The server sends one of these at the end of every statement, also for each of several in one text. */
const ENDS = ['commandComplete', 'emptyQuery', 'errorMessage'];

let count = 0;
let isWatching = false;

/** From here on, new connections are counted. Returns the count so far. */
export function countStatements(): () => number {
  if (!isWatching) watch();
  isWatching = true;
  return () => count;
}

function watch(): void {
  const { connect } = Client.prototype;
  const counting = function (this: Client, ...args: unknown[]): unknown {
    for (const end of ENDS) {
      this.connection.on(end, () => {
        count += 1;
      });
    }
    return Reflect.apply(connect, this, args);
  };
  Client.prototype.connect = counting as typeof connect;
}
