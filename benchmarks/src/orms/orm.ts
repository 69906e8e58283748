/** How an application makes a store through an ORM. Adding one is a file beside this one, and a line in `index.ts`. */
import type { StateStore } from '@dudousxd/nestjs-durable-core';
import type { DatabaseName } from '../databases/database.js';

export interface Orm {
  readonly name: string;
  readonly title: string;
  /** Loads it only when it is used: what an application does not have is not in its memory. */
  load(): Promise<Openers>;
}

/** By database, where the ORM has it: opens the ORM at the address, and a store on it. */
export type Openers = Readonly<
  Partial<Record<DatabaseName, (address: string) => Promise<OpenStore>>>
>;

export interface OpenStore {
  readonly store: StateStore;
  /** Ends what the application has opened; the store has been closed before. */
  close(): Promise<void>;
}
