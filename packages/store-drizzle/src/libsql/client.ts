/** What the store uses of `@libsql/client` and of `libsql` below it, by structure: both stay the application's. */
import { UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';

/** One statement with its parameters. */
export interface LibSqlStatement {
  readonly sql: string;
  readonly args: readonly unknown[];
}

/** What a statement has answered. */
export interface LibSqlResult {
  readonly rows: readonly object[];
  readonly rowsAffected: number;
}

/** A transaction of `@libsql/client`. */
export interface LibSqlTransaction {
  readonly closed: boolean;
  // As Drizzle calls it. The client's own type has more statements and other arrays.
  execute(statement: never): Promise<LibSqlResult>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** A `Client` of `@libsql/client`. */
export interface LibSqlClient {
  /** `file` for files and databases in memory; `http` or `ws` for servers. */
  readonly protocol: string;
  execute(statement: string): Promise<LibSqlResult>;
  transaction(mode: 'write'): Promise<LibSqlTransaction>;
  sync(): Promise<unknown>;
  close(): void;
}

/** Whether a value has the shape of a libSQL client. */
export function isLibSqlClient(value: unknown): value is LibSqlClient {
  if (typeof value !== 'object' || value === null) return false;
  const client = value as Partial<Record<keyof LibSqlClient, unknown>>;
  const methods = [client.execute, client.transaction, client.sync, client.close];
  return (
    typeof client.protocol === 'string' && methods.every((method) => typeof method === 'function')
  );
}

/** Whether a value has the shape of a client's transaction. */
export function isLibSqlTransaction(value: unknown): value is LibSqlTransaction {
  if (typeof value !== 'object' || value === null) return false;
  const { execute, commit, closed } = value as Partial<Record<keyof LibSqlTransaction, unknown>>;
  return [execute, commit].every((it) => typeof it === 'function') && typeof closed === 'boolean';
}

/** @throws UnsupportedHandleError for a database on a server */
export function requireLocal(client: LibSqlClient): LibSqlClient {
  if (client.protocol === 'file') return client;
  throw new UnsupportedHandleError({
    received: `a libSQL database on a server (${client.protocol})`,
    todo:
      'A transaction of the store is many statements: it would hold the only write lock of the database over as many ' +
      "round trips. Use a file of this machine, drizzle('file:app.db'), or a PostgreSQL or MySQL server.",
  });
}
