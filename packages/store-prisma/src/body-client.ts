/**
 * The client as the function of a `ctx.transaction` has it. Nobody gets below Prisma's client, so what is guarded is its
 * operations. One that nobody has awaited sends its statements one after the other, on a connection that Prisma gives back
 * without waiting for it: so its end is waited for here before the transaction ends.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { BodyGuard, type MaybePromise } from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaClientLike, RawClient } from './client.js';

/** What Prisma tells of an operation, before it is done. */
interface Operation {
  readonly operation: string;
  readonly args: unknown;
  readonly query: (args: unknown) => PromiseLike<unknown>;
}

interface ExtendableClient extends PrismaClientLike {
  $extends(extension: {
    readonly query: { readonly $allOperations: (operation: Operation) => Promise<unknown> };
  }): PrismaClientLike;
}

type Nested = (work: unknown, options?: unknown) => Promise<unknown>;

/** The store's own statements in a transaction. */
const own = new AsyncLocalStorage<BodyClient>();

export class BodyClient {
  /** Whose transaction it is to be. */
  readonly root: PrismaClientLike;
  readonly #guard = new BodyGuard();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(client: PrismaClientLike) {
    const $allOperations = (operation: Operation) => this.#run(operation);
    this.root = (client as ExtendableClient).$extends({ query: { $allOperations } });
  }

  /** For the function: its nested transactions are known of. */
  guarded(tx: RawClient): RawClient {
    return new Proxy(tx, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (key !== '$transaction' || typeof value !== 'function') return value;
        return (...args: Parameters<Nested>) => this.#nest(value.bind(target), ...args);
      },
    });
  }

  /** The work of the transaction. When this settles, nothing of it is under way any more. */
  async run<T>(work: () => MaybePromise<T>): Promise<T> {
    try {
      return await this.#guard.run(work);
    } finally {
      this.#guard.close();
      while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    }
  }

  isOfWork(error: unknown): boolean {
    return this.#guard.isOfWork(error);
  }

  /** @throws TransactionBrokenError where the function has left something open */
  seal(transaction: string): void {
    this.#guard.seal(transaction);
  }

  /** Operations of the store, which pass when nothing else does. */
  asOwn<T>(operations: () => Promise<T>): Promise<T> {
    return own.run(this, operations);
  }

  async #run({ operation, args, query }: Operation): Promise<unknown> {
    if (own.getStore() !== this) this.#guard.pass(textOf(operation, args));
    const done = Promise.resolve(query(args));
    this.#underWay.add(done);
    try {
      return await this.#guard.during(done);
    } finally {
      this.#underWay.delete(done);
    }
  }

  async #nest(transaction: Nested, work: unknown, options: unknown): Promise<unknown> {
    if (typeof work !== 'function') return transaction(work, options);
    this.#guard.pass('');
    return this.#guard.during(
      transaction((inner: RawClient) => work(this.guarded(inner)), options),
    );
  }
}

/** The text of a raw operation: it may set a savepoint. */
function textOf(operation: string, args: unknown): string {
  const [text] = /^\$(query|execute)RawUnsafe$/.test(operation) && Array.isArray(args) ? args : [];
  return typeof text === 'string' ? text : '';
}
