/** The stores that chaos can be let loose on. To plug another one in, add its name and a case. */
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import type { SqlStateStore } from '@dudousxd/nestjs-durable-store-sql';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import type { StoreName } from './app-options.js';

export interface OpenedStore {
  readonly store: SqlStateStore;
  /** Ends the connections, after the store. */
  end(): Promise<void>;
}

/** Name under which the applications' connections are known to the database. */
export const APPLICATION_NAME = 'chaos-app';

export function openStore(name: StoreName, url: string, applicationName: string): OpenedStore {
  switch (name) {
    case 'drizzle-postgres': {
      const pool = new Pool({
        connectionString: url,
        application_name: applicationName,
        connectionTimeoutMillis: 5_000,
      });
      return { store: new DrizzleStateStore(drizzle(pool)), end: () => pool.end() };
    }
    default:
      return name satisfies never;
  }
}
