/** The API, over HTTP. */
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunResult } from '@dudousxd/nestjs-durable-core';
import type { Order } from '../api/checkout.workflow.js';
import type { TimelineEntry } from '../api/timeline.js';
import type { Program } from './processes.js';

const POLL_MS = 50;

/** An entry as it comes over HTTP. */
export type Entry = Omit<TimelineEntry, 'startedAt' | 'endedAt'> & {
  readonly startedAt: string;
  readonly endedAt: string;
};

export class Shop {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/orders`;
  }

  /** Asks until it answers. */
  async listens(api: Program): Promise<void> {
    for (;;) {
      api.mustRun();
      try {
        await fetch(this.#url);
        return;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        await pause(POLL_MS);
      }
    }
  }

  placeOrder(order: Order): Promise<unknown> {
    return this.#call('', { method: 'POST', body: JSON.stringify(order) });
  }

  result(id: string): Promise<RunResult> {
    return this.#call(`/${id}/result`) as Promise<RunResult>;
  }

  timeline(id: string): Promise<readonly Entry[]> {
    return this.#call(`/${id}/timeline`) as Promise<readonly Entry[]>;
  }

  async #call(path: string, request: RequestInit = {}): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(this.#url + path, { ...request, headers });
    if (response.ok) return response.json();
    throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  }
}

/** A TCP port that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
