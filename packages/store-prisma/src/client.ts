/** What the store needs of a Prisma client, by structure: the generated client and Prisma stay the application's. */
import { describeHandle, UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';

/** Sends statements as they are: a client, or the client of a transaction. */
export interface RawClient {
  $queryRawUnsafe<Rows = unknown>(text: string, ...values: unknown[]): PromiseLike<Rows>;
  /** Answers with the number of rows that it has changed. */
  $executeRawUnsafe(text: string, ...values: unknown[]): PromiseLike<number | undefined>;
}

/** A `PrismaClient`, as Prisma generates it or as `$extends` returns it. */
export interface PrismaClientLike extends RawClient {
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
  $transaction: unknown;
}

/** The `provider` of the schema's `datasource`, of those that the store works on. MariaDB is Prisma's `mysql`. */
export type PrismaProvider = 'postgresql' | 'mysql' | 'sqlite';

const PROVIDERS: readonly string[] = [
  'postgresql',
  'mysql',
  'sqlite',
] satisfies readonly PrismaProvider[];

const PASS_ROOT = 'Pass the PrismaClient that the application uses: new PrismaStateStore(prisma).';

/** Marks the client that `$transaction` hands to its callback. */
const TRANSACTION = Symbol.for('prisma.client.transaction.scope_context');

/** Whether it is the client of an open interactive transaction. `$transaction` is a function on both kinds. */
export function isTransactionClient(client: object): client is RawClient {
  return TRANSACTION in client && !('$connect' in client);
}

/** @throws UnsupportedHandleError for anything but a client that is not bound to a transaction */
export function requireClient(value: unknown): PrismaClientLike {
  if (typeof value !== 'object' || value === null) throw refuse(value);
  if (isTransactionClient(value)) {
    const todo = `It would be gone when the transaction ends. ${PASS_ROOT}`;
    throw new UnsupportedHandleError({ received: 'the client of a transaction', todo });
  }
  if (isClient(value)) return value;
  throw refuse(value);
}

function refuse(value: unknown): UnsupportedHandleError {
  return new UnsupportedHandleError({ received: describeHandle(value), todo: PASS_ROOT });
}

function isClient(value: object): value is PrismaClientLike {
  const client = value as Partial<PrismaClientLike>;
  const { $connect, $queryRawUnsafe, $executeRawUnsafe, $transaction } = client;
  const methods = [$connect, $queryRawUnsafe, $executeRawUnsafe, $transaction];
  return methods.every((method) => typeof method === 'function');
}

/**
 * The provider of the client's schema, which Prisma keeps in a field without documentation; `given` goes before it.
 *
 * @throws UnsupportedHandleError for one that the store does not work on, or that cannot be found out
 */
export function requireProvider(
  client: PrismaClientLike,
  given: PrismaProvider | undefined,
): PrismaProvider {
  const provider = given ?? ('_activeProvider' in client ? client._activeProvider : undefined);
  if (typeof provider !== 'string') {
    throw new UnsupportedHandleError({
      received: 'a PrismaClient that does not tell its provider',
      todo: "Say it: new PrismaStateStore(prisma, { provider: 'postgresql' }).",
    });
  }
  if (isProvider(provider)) return provider;
  throw new UnsupportedHandleError({
    received: `a PrismaClient of the provider "${provider}"`,
    todo: `It supports ${PROVIDERS.join(', ')}.`,
  });
}

function isProvider(name: string): name is PrismaProvider {
  return PROVIDERS.includes(name);
}
