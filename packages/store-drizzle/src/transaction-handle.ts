/** What Drizzle's transaction objects have in common, by structure. */
import type { NotATransaction } from '@dudousxd/nestjs-durable-store-sql';

/** The driver's connection below a transaction of Drizzle; undefined for anything else. */
export function sessionClientOf(tx: unknown): unknown {
  if (typeof tx !== 'object' || tx === null || isRoot(tx)) return undefined;
  if (!('rollback' in tx) || typeof tx.rollback !== 'function') return undefined;
  const session: unknown = Reflect.get(tx, 'session');
  return typeof session === 'object' && session !== null
    ? Reflect.get(session, 'client')
    : undefined;
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
