/** What the steps of programs do: they tell the ledger, and now and then they fail. */
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StepContext } from '@dudousxd/nestjs-durable-core';
import type { Ledger } from './ledger.js';

export interface StepResult {
  readonly attempt: number;
  readonly token: string;
}

/** One call of a step's function. */
export interface StepCall {
  readonly run: string;
  readonly key: string;
  readonly step: StepContext;
}

export class StepBodies {
  readonly #ledger: Ledger;
  readonly #folder: string;

  /** @param folder for marks of what was done once */
  constructor(ledger: Ledger, folder: string) {
    this.#ledger = ledger;
    this.#folder = folder;
  }

  /** Tells the ledger of the call, from its begin to its end. */
  async run({ run, key, step }: StepCall, work: () => Promise<void>): Promise<StepResult> {
    const call = randomUUID();
    const { attempt } = step;
    this.#ledger.append({ what: 'begin', call, run, key, attempt });
    try {
      await work();
    } catch (error) {
      this.#ledger.append({ what: 'end', call, token: null });
      throw error;
    }
    const token = randomUUID();
    this.#ledger.append({ what: 'end', call, token });
    return { attempt, token };
  }

  async work(ms: number, failures: number, { signal, attempt }: StepContext): Promise<void> {
    await delay(ms, undefined, { signal });
    if (attempt <= failures) throw new Error(`attempt ${attempt} is meant to fail`);
  }

  /** Keeps the event loop busy; in the next process that runs it, it does not. */
  async blockOnce(ms: number, run: string): Promise<void> {
    const mark = join(this.#folder, `blocked-${run}`);
    if (existsSync(mark)) return;
    writeFileSync(mark, '');
    const until = performance.now() + ms;
    while (performance.now() < until);
  }
}
