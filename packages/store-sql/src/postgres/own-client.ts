/** A client of the store's own, made as the application's pool makes its clients, and no slot of that pool. */
import type { PgConnection, PgPool } from './driver.js';

/** What a server tells those who LISTEN. */
export interface PgNotification {
  readonly channel: string;
  /** Namespace of the hint, in ours. */
  readonly payload?: string | undefined;
  /** Of the backend that has sent it. */
  readonly processId: number;
}

/** `pg.Client`. */
export interface OwnClient extends PgConnection {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  ref(): void;
  unref(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (notification: PgNotification) => void): unknown;
  /** Of its backend, as the server has told it. */
  readonly processID: number | null;
}

type ClientClass = new (config: object) => OwnClient;

const CONNECT_TIMEOUT_MS = 5_000;

/** Makes clients with the pool's class and options; null for a pool that does not show them. */
export function ownClientsOf(pool: PgPool): (() => OwnClient) | null {
  const { Client, options } = pool as Partial<Record<'Client' | 'options', unknown>>;
  if (typeof Client !== 'function' || typeof options !== 'object' || options === null) return null;
  // The binding to libpq has none: it would keep the process alive.
  if (typeof Client.prototype?.unref !== 'function') return null;
  const given = options as { readonly password?: unknown };
  const config = {
    // What pg_stat_activity shows, unless the application has a name for all of its connections.
    application_name: 'durable',
    ...given,
    // The pool hides it from loops over its options.
    password: given.password,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  };
  return () => new (Client as ClientClass)(config);
}

/** The size of the pool; null for a pool that does not show it. */
export function maxConnectionsOf(pool: PgPool): number | null {
  const { options } = pool as { readonly options?: unknown };
  if (typeof options !== 'object' || options === null || !('max' in options)) return null;
  return typeof options.max === 'number' ? options.max : null;
}
