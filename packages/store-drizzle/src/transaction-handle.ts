/** What Drizzle's transaction objects have in common, by structure. */
import { type NotATransaction, UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';

/** Drizzle's session over a connection: what opens its transactions. */
export interface Session {
  readonly schema: unknown;
  readonly logger: unknown;
  readonly cache: unknown;
  /** On MySQL and MariaDB: how relational queries are written. */
  readonly mode?: unknown;
  transaction<T>(work: (tx: unknown) => T, config?: { readonly behavior: 'immediate' }): T;
}

type SessionClass = new (
  client: unknown,
  dialect: unknown,
  schema: unknown,
  options: Pick<Session, 'logger' | 'cache' | 'mode'>,
) => Session;

/**
 * The session of a database.
 *
 * @throws UnsupportedHandleError where Drizzle keeps it elsewhere
 */
function sessionOf(db: object): Session {
  const session: unknown = Reflect.get(db, 'session');
  if (isSession(session) && 'dialect' in db) return session;
  throw new UnsupportedHandleError({
    received: 'a Drizzle database whose sessions it does not know',
    todo: 'Use a release of drizzle-orm from 0.44 on, below 1.',
  });
}

/** A session like that of the database, on another connection. */
export function sessionOn(db: object, client: unknown): Session {
  const session = sessionOf(db);
  const { schema, logger, cache, mode } = session;
  const Session = session.constructor as SessionClass;
  return new Session(client, Reflect.get(db, 'dialect'), schema, { logger, cache, mode });
}

function isSession(value: unknown): value is Session {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'transaction') === 'function'
  );
}

/** The driver's connection below a transaction of Drizzle; undefined for anything else. */
export function sessionClientOf(tx: unknown): unknown {
  const session = sessionOfTransaction(tx);
  return session && Reflect.get(session, 'client');
}

/** The session of a transaction of Drizzle; undefined for anything else. */
export function sessionOfTransaction(tx: unknown): object | undefined {
  if (typeof tx !== 'object' || tx === null || isRoot(tx)) return undefined;
  if (!('rollback' in tx) || typeof tx.rollback !== 'function') return undefined;
  const session: unknown = Reflect.get(tx, 'session');
  return typeof session === 'object' && session !== null ? session : undefined;
}

/** Why something is refused as a transaction. */
export function receivedInsteadOf(value: unknown): NotATransaction {
  return {
    received: describe(value),
    todo: 'Pass the `tx` that db.transaction((tx) => …) gives, before its function returns.',
  };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (isRoot(value)) return 'the root database';
  const { name } = value.constructor ?? {};
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`;
}

function isRoot(value: object): boolean {
  return '$client' in value;
}
