import type { RawClient } from './client.js';

type Row = Record<string, unknown>;

/** The rows of one statement, as the store reads them: integers of 64 bits come as BigInt, and ours stay below 2^53. */
export async function readRows(
  client: RawClient,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const rows = await client.$queryRawUnsafe<Row[]>(text, ...values);
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === 'bigint') row[name] = Number(value);
    }
  }
  return rows;
}
