/** The client of an open interactive transaction, which an application hands over. */
import { NotATransactionError } from '@dudousxd/nestjs-durable-store-sql';
import { isTransactionClient, type RawClient } from './client.js';
import { toDriverError } from './driver-error.js';

const TODO =
  'Pass the `tx` that prisma.$transaction(async (tx) => …) gives, before its function returns.';

/** @throws NotATransactionError for anything else, the PrismaClient itself included */
export function requireTransaction(value: unknown): RawClient {
  if (typeof value === 'object' && value !== null && isTransactionClient(value)) return value;
  throw new NotATransactionError({ received: describe(value), todo: TODO });
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return '$connect' in value ? 'the PrismaClient itself' : 'an object';
}

/**
 * Does something inside a transaction.
 *
 * @throws NotATransactionError where Prisma says that it has ended; else the error as the driver would have thrown it
 */
export async function orEnded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isEnded(error)) throw toDriverError(error);
    throw new NotATransactionError({ received: 'one that has ended', todo: TODO, cause: error });
  }
}

/** Prisma's code for a transaction that it has closed or does not know. */
function isEnded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 'P2028';
}
