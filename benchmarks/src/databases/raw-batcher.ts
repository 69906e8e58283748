/**
 * Group commit as the engine does it (`commit/batcher.ts` of core), and nothing else: what is queued when a connection is
 * free is the next batch; where there are two connections, of at most 128 items, and the second is used when 32 are waiting.
 */

const MAX_ITEMS = 128;
const MIN_EXTRA_LANE_ITEMS = 32;

export class RawBatcher<Item, Connection> {
  readonly #free: Connection[];
  readonly #lanes: number;
  readonly #send: (connection: Connection, items: readonly Item[]) => Promise<void>;
  #queue: { readonly item: Item; readonly done: (error?: unknown) => void }[] = [];
  #scheduled = false;

  constructor(
    connections: readonly Connection[],
    send: (connection: Connection, items: readonly Item[]) => Promise<void>,
  ) {
    this.#free = [...connections];
    this.#lanes = connections.length;
    this.#send = send;
  }

  /** Resolves when the item is durable. */
  submit(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, done: (error) => (error ? reject(error) : resolve()) });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const isIdle = this.#free.length === this.#lanes;
    if (this.#queue.length < (isIdle ? 1 : MIN_EXTRA_LANE_ITEMS)) return;
    const connection = this.#free.pop();
    if (connection === undefined) return;
    const batch = this.#queue.splice(0, this.#lanes > 1 ? MAX_ITEMS : this.#queue.length);
    const end = (error?: unknown): void => {
      this.#free.push(connection);
      for (const { done } of batch) done(error);
      this.#schedule();
    };
    this.#send(
      connection,
      batch.map(({ item }) => item),
    ).then(() => end(), end);
    if (this.#queue.length > 0) this.#schedule();
  }
}
