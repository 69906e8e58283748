import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RedisOptions } from 'ioredis';
import { onTestFinished } from 'vitest';
import { bundleProcess, type ProcessBundle } from '../../../scripts/bundle-process.mjs';
import { LEASE_MS, until } from './support.js';

/** The program of test/worker.child.ts. */
export function bundleWorker(): Promise<ProcessBundle> {
  return bundleProcess(
    join(import.meta.dirname, 'worker.child.ts'),
    join(import.meta.dirname, '..'),
  );
}

/** A step worker in a process of its own, ended after the test. */
export class WorkerProcess {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;
  #errors = '';

  private constructor(file: string, connection: RedisOptions, prefix: string) {
    const options = JSON.stringify({ connection, prefix, leaseMs: LEASE_MS });
    const child = spawn(process.execPath, [file, options], { stdio: 'pipe' });
    this.#process = child;
    this.#exit = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    child.stderr.on('data', (chunk) => {
      this.#errors += String(chunk);
    });
    onTestFinished(async () => {
      await this.kill();
    });
  }

  static async start(
    file: string,
    connection: RedisOptions,
    prefix: string,
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(file, connection, prefix);
    await worker.says('ready');
    return worker;
  }

  /** Waits until the process has printed the line. */
  async says(line: string): Promise<void> {
    await until(() => {
      if (this.#process.exitCode !== null) throw new Error(`the worker has ended: ${this.#errors}`);
      return this.lines.includes(line);
    });
  }

  /** Lets a handler that holds go on. */
  release(): void {
    this.#process.stdin?.write('go\n');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#process.kill(signal);
    await this.#exit;
    return this.#process.exitCode;
  }
}
