import {
  type Connection,
  type ConnectionOptions,
  FILE,
  LateExecutor,
  SqliteExecutor,
  sqlite,
} from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlClient } from './client.js';
import { LibSqlTransactions } from './libsql-transactions.js';
import { lookAtFile, openHandle } from './local-file.js';
import type { LibSqlModules } from './modules.js';

export interface LibSqlOptions extends ConnectionOptions {
  readonly libsql?: LibSqlModules;
}

/** The store's connection to the file of a client. The client is looked at, and the file opened, at the first use. */
export function libSqlConnection(
  db: { readonly $client: unknown },
  client: LibSqlClient,
  options: LibSqlOptions,
): Connection & { readonly transactions: LibSqlTransactions } {
  const look = () => lookAtFile(client, options.libsql);
  const executor = new LateExecutor({
    dialect: sqlite,
    clock: options.now ?? null,
    connect: async () => {
      const local = await look();
      const connect = () => ({ driver: openHandle(local), owned: true });
      return new SqliteExecutor({ ...options, connect });
    },
  });
  const transactions = new LibSqlTransactions({ db, look, now: options.now });
  return { executor, capabilities: FILE, transactions };
}
