/** A handle of better-sqlite3 for one `ctx.transaction`, as the ORM has it: its statements are guarded. */
import type { SqliteDriver, SqliteStatement } from '../sqlite/driver.js';
import type { BodyGuard } from './body-guard.js';

/** What executes a statement that has been prepared. */
const EXECUTING: readonly PropertyKey[] = ['run', 'get', 'all', 'iterate'];

type Call = (...args: unknown[]) => unknown;

export function guardHandle(driver: SqliteDriver, guard: BodyGuard): SqliteDriver {
  return new Proxy(driver, {
    get(target, key) {
      if (key === 'prepare')
        return (text: string) => guardStatement(target.prepare(text), text, guard);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (key !== 'exec') return value.bind(target);
      return (text: string) => {
        guard.pass(text);
        return target.exec(text);
      };
    },
  });
}

function guardStatement(native: SqliteStatement, text: string, guard: BodyGuard): SqliteStatement {
  const guarded: SqliteStatement = new Proxy(native, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (EXECUTING.includes(key)) guard.pass(text);
        const result: unknown = Reflect.apply(value as Call, target, args);
        // `raw()` and the like answer with the statement.
        return result === target ? guarded : result;
      };
    },
  });
  return guarded;
}
