import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RedisOptions } from 'ioredis';
import { build } from 'vite';
import { onTestFinished } from 'vitest';
import { LEASE_MS, until } from './support.js';

const packageDir = join(import.meta.dirname, '..');
const packagesDir = join(packageDir, '..');

/** Of the process's own dependencies: left where they are. */
const EXTERNAL = /^(?:node:|@nestjs\/|bullmq$|ioredis$|reflect-metadata$|rxjs$|zod$)/;

/** One file for the process: one that loads it is up in a fraction of the time that the sources take. */
export async function bundleWorker(): Promise<{ file: string; dispose(): Promise<void> }> {
  await mkdir(join(packageDir, '.tmp'), { recursive: true });
  const outDir = await mkdtemp(join(packageDir, '.tmp/worker-'));
  const source = (name: string) => `${packagesDir}/${name}/src/index.ts`;
  await build({
    configFile: false,
    root: packageDir,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^@dudousxd\/nestjs-durable$/, replacement: source('nestjs') },
        { find: /^@dudousxd\/nestjs-durable-(.+)$/, replacement: source('$1') },
      ],
    },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    ssr: { noExternal: true },
    build: {
      ssr: join(packageDir, 'test/worker.child.ts'),
      outDir,
      emptyOutDir: false,
      minify: false,
      target: 'node22',
      rolldownOptions: {
        external: (id) => EXTERNAL.test(id),
        output: { entryFileNames: 'child.mjs' },
      },
    },
  });
  return {
    file: join(outDir, 'child.mjs'),
    dispose: () => rm(outDir, { recursive: true, force: true }),
  };
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
