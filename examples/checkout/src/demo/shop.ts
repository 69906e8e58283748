/** The application as a process of its own, seen from outside: HTTP, and signals of the operating system. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { HistoryEntry, RunResult, RunView } from '@dudousxd/nestjs-durable-core';
import type { AppEnvironment, AppMessage } from './messages.js';

const APP = fileURLToPath(new URL('./app.js', import.meta.url));
const POLL_MS = 10;

/** A history entry as it comes over HTTP. */
export type Entry = Omit<HistoryEntry, 'at' | 'startedAt'> & {
  readonly at: string;
  readonly startedAt?: string;
};

export class Shop {
  readonly #process: ChildProcess;
  readonly #listening: Promise<string>;
  readonly #held: Promise<void>;
  readonly #ended: Promise<unknown>;

  constructor(environment: AppEnvironment) {
    const child = fork(APP, { env: { ...process.env, ...environment } });
    this.#process = child;
    this.#ended = once(child, 'exit');
    this.#listening = new Promise((resolve, reject) => {
      child.on('message', (message: AppMessage) => {
        if (message.kind === 'listening') resolve(message.url);
      });
      child.once('exit', () => reject(new Error('the application ended before it listened')));
    });
    this.#held = new Promise((resolve) => {
      child.on('message', (message: AppMessage) => {
        if (message.kind === 'held') resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves when the application takes requests. */
  async started(): Promise<void> {
    await this.#listening;
  }

  /** Resolves when the body that was to be held has begun. */
  async held(): Promise<void> {
    const ended = this.#ended.then(() => Promise.reject(new Error('the application has ended')));
    await Promise.race([this.#held, ended]);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#process.kill(signal);
    await this.#ended;
  }

  placeOrder(id: string, total: number): Promise<unknown> {
    return this.#call('POST', '', { id, total });
  }

  approve(id: string): Promise<unknown> {
    return this.#call('POST', `/${id}/approve`);
  }

  result(id: string): Promise<RunResult> {
    return this.#call('GET', `/${id}/result`) as Promise<RunResult>;
  }

  history(id: string): Promise<readonly Entry[]> {
    return this.#call('GET', `/${id}/history`) as Promise<readonly Entry[]>;
  }

  /** Looks until the order waits for somebody to approve it. */
  async waitsForApproval(id: string): Promise<void> {
    for (;;) {
      const run = (await this.#call('GET', `/${id}`)) as Pick<RunView, 'waitingFor'>;
      if (run.waitingFor.some(({ kind }) => kind === 'signal')) return;
      await pause(POLL_MS);
    }
  }

  async #call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const url = `${await this.#listening}/orders${path}`;
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(url, { method, ...(body === undefined ? {} : json) });
    if (response.ok) return response.json();
    throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  }
}
