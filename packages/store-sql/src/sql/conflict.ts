/** What a failed statement says of the transaction around it, under whatever the ORM has wrapped it in. */

/**
 * - `busy`: another connection has the database locked; nothing was done.
 * - `conflict`: a serialization failure or a deadlock; the transaction was rolled back.
 */
export type Conflict = 'busy' | 'conflict';

/** How far an error is unwrapped. */
const MAX_DEPTH = 8;

/** PostgreSQL's and Prisma's codes, and MySQL's by name. */
const CONFLICT_CODES = new Set(['40001', '40P01', 'P2034', 'ER_LOCK_DEADLOCK']);
/**
 * Of MySQL and MariaDB: deadlock, a lock that was not had in time, changed since the transaction has read it, rolled back by
 * the cluster at COMMIT.
 */
const CONFLICT_NUMBERS = new Set([1213, 1205, 1020, 3101]);

/** Whether the same transaction, from its start, may succeed; null = it will not, or nobody knows. */
export function conflictOf(error: unknown): Conflict | null {
  for (const at of chainOf(error)) {
    const { code, errno } = at;
    if (typeof code === 'string') {
      if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'busy';
      if (CONFLICT_CODES.has(code)) return 'conflict';
    }
    if (typeof errno === 'number' && CONFLICT_NUMBERS.has(errno)) return 'conflict';
  }
  return null;
}

export interface ErrorLike {
  readonly code?: unknown;
  readonly errno?: unknown;
}

/** Where ORMs keep the error of their driver. */
const INNER = ['cause', 'driverError', 'previous', 'meta', 'driverAdapterError', 'originalError'];

/** An error and whatever it wraps, as far as errors of databases are told by code and number. */
export function chainOf(error: unknown): readonly ErrorLike[] {
  const chain: object[] = [];
  let level: readonly unknown[] = [error];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const objects = level.filter(
      (value): value is object => typeof value === 'object' && value !== null,
    );
    const fresh = objects.filter((value) => !chain.includes(value));
    chain.push(...fresh);
    level = fresh.flatMap((value) => INNER.map((key): unknown => Reflect.get(value, key)));
  }
  return chain.flatMap((value) => [value, originalOf(value)]);
}

/** Prisma's driver adapters keep the database's code beside their own. */
function originalOf(value: object): ErrorLike {
  return {
    code: Reflect.get(value, 'originalCode'),
    errno: Number(Reflect.get(value, 'originalCode')),
  };
}
