import type { Logger } from '@dudousxd/nestjs-durable-core';
import type { Refusal, RefusalKind } from '@dudousxd/nestjs-durable-protocol';

/** Messages that were dropped at one place for one reason. */
export interface DroppedMessages {
  /** The queue or stream. */
  readonly place: string;
  readonly kind: RefusalKind;
  readonly count: number;
}

/** A hostile place must not fill the memory: later places are counted under one name. */
const MAX_KINDS = 1_000;

/** Counts what is no message and is dropped. Says so once for each place and reason. */
export class BadMessages {
  readonly #counts = new Map<string, { place: string; kind: RefusalKind; count: number }>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  drop(place: string, { kind, detail }: Refusal): void {
    const key = this.#counts.size < MAX_KINDS ? `${kind} ${place}` : `${kind} elsewhere`;
    const entry = this.#counts.get(key) ?? { place, kind, count: 0 };
    entry.count += 1;
    this.#counts.set(key, entry);
    if (entry.count > 1) return;
    const message = `A message on '${place}' was dropped: ${detail}. More of this kind are only counted.`;
    this.#logger.warn(message, { place, kind });
  }

  list(): readonly DroppedMessages[] {
    return [...this.#counts.values()].map((entry) => ({ ...entry }));
  }
}
