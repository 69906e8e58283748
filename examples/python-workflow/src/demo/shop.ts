/** The application, over HTTP. */
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunResult } from '@dudousxd/nestjs-durable-core';
import type { Order } from '../app/orders.controller.js';
import type { TimelineEntry } from '../app/timeline.js';
import type { Program } from './program.js';

const POLL_MS = 50;
const NOT_FOUND = 404;

/** An entry as it comes over HTTP. */
export type Entry = Omit<TimelineEntry, 'startedAt' | 'endedAt'> & {
  readonly startedAt: string;
  readonly endedAt: string;
};

export class Shop {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** Asks until it answers. */
  async listens(nest: Program): Promise<void> {
    await until([nest], () =>
      fetch(this.#url).then(
        () => true,
        (error: unknown) => {
          if (error instanceof TypeError) return false;
          throw error;
        },
      ),
    );
  }

  /** Asks until a worker has said that it has the workflow: an engine refuses what it has never heard of. */
  async placeOrder(order: Order, programs: readonly Program[]): Promise<void> {
    await until(programs, async () => {
      const response = await this.#fetch('/orders', order);
      if (response.status === NOT_FOUND) return false;
      await contentOf(response);
      return true;
    });
  }

  async approve(id: string): Promise<void> {
    await contentOf(await this.#fetch(`/orders/${id}/approve`, {}));
  }

  async result(runId: string): Promise<RunResult> {
    return (await contentOf(await this.#fetch(`/runs/${runId}/result`))) as RunResult;
  }

  async timeline(runId: string): Promise<readonly Entry[]> {
    return (await contentOf(await this.#fetch(`/runs/${runId}/timeline`))) as readonly Entry[];
  }

  #fetch(path: string, body?: object): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return fetch(this.#url + path, { ...request, headers });
  }
}

async function contentOf(response: Response): Promise<unknown> {
  if (response.ok) return response.json();
  throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
}

/**
 * Polls until the condition holds.
 *
 * @throws Error if one of the programs has ended
 */
export async function until(
  programs: readonly Program[],
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await condition())) {
    for (const program of programs) program.mustRun();
    await pause(POLL_MS);
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
