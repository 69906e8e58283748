import type { HintListener } from '@dudousxd/nestjs-durable-core';

/** How processes on one database tell each other that there is work. A hint may be late, doubled or lost. */
export interface HintBus {
  send(namespace: string): Promise<void>;
  /** Returns a function that ends the listening. */
  listen(listener: HintListener): () => void;
}

/** Of databases that can call nobody: everything is found by polling. */
export const noHints: HintBus = {
  send: async () => {},
  listen: () => () => {},
};
