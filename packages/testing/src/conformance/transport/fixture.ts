import type { Transport } from '@dudousxd/nestjs-durable-core';

/** The two ends of a transport, connected and not yet bound. */
export interface TransportEnds {
  /** Gets `bind`, `dispatch` and `cancel`. */
  readonly engine: Transport;
  /** Gets `serve`. The same object as `engine` where a transport has both ends in one. */
  readonly worker: Transport;
  /** Releases what `open` has made, after both ends are closed. */
  dispose(): Promise<void>;
}

/** How the suite gets a transport. */
export interface TransportFixture {
  /** Makes a pair of ends that nothing else uses; called for each test. */
  open(): Promise<TransportEnds>;
}
