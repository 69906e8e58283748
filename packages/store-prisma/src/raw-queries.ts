import type { RawClient } from './client.js';

type Row = Record<string, unknown>;

/**
 * Of operations in one transaction that are asked for at the same time, Prisma does those before the first that fails. To
 * the others it answers with nothing, as if they had been done.
 */
class NotExecutedError extends Error {
  constructor() {
    super(
      'A statement was not executed: another one in the same transaction failed at the same time.',
    );
  }
}

/** The rows of one statement, as the store reads them: integers of 64 bits come as BigInt, and ours stay below 2^53. */
export async function readRows(
  client: RawClient,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const rows = await client.$queryRawUnsafe<Row[] | undefined>(text, ...values);
  if (rows === undefined) throw new NotExecutedError();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === 'bigint') row[name] = Number(value);
    }
  }
  return rows;
}

/** The number of rows that one statement has changed. */
export async function execute(
  client: RawClient,
  text: string,
  values: readonly unknown[],
): Promise<number> {
  const changed = await client.$executeRawUnsafe(text, ...values);
  if (changed === undefined) throw new NotExecutedError();
  return changed;
}
