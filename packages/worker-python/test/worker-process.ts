import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject, onTestFinished } from 'vitest';
import { LEASE_MS, until } from './support.js';

const packageDir = join(import.meta.dirname, '..');

/** What a worker is given besides where its Redis is. */
export interface WorkerSettings {
  /** Tasks of one queue that run at once. */
  readonly concurrency?: number;
  /** Python: options of redis-py. */
  readonly redisOptions?: object;
  /** Workflows: for how many seconds runs stay in memory that nobody uses. */
  readonly residentIdle?: number;
  /** Workflows: which of its codes. Absent, `other`, `breaking`. */
  readonly code?: string;
}

/** A worker in a process of its own, ended after the test. It prints `ready`, and `began <order> <attempt>`. */
export class WorkerProcess {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;
  errors = '';

  protected constructor(program: string, args: readonly string[]) {
    const child = spawn(program, args, {
      cwd: packageDir,
      stdio: 'pipe',
      env: {
        ...process.env,
        PYTHONPATH: join(packageDir, 'src'),
        PYTHONDONTWRITEBYTECODE: '1',
        // Any text turns it on.
        PYTHONASYNCIODEBUG: '',
      },
    });
    this.#process = child;
    this.#exit = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    child.stderr.on('data', (chunk) => {
      this.errors += String(chunk);
    });
    onTestFinished(async () => {
      await this.kill();
    });
  }

  /** Waits until the process has printed the line. */
  async says(line: string): Promise<void> {
    await until(() => {
      if (this.#process.exitCode !== null) throw new Error(`the worker has ended: ${this.errors}`);
      return this.lines.includes(line);
    });
  }

  /** How many attempts have begun here. */
  get begun(): number {
    return this.count('began ');
  }

  /** How many lines begin so. */
  count(start: string): number {
    return this.lines.filter((line) => line.startsWith(start)).length;
  }

  /** Lets handlers that hold go on. */
  release(): void {
    this.tell('go');
  }

  /** Writes a line to the process. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Resolves when it has ended, to its exit code; null where the signal has ended it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#process.kill(signal);
    await this.#exit;
    return this.#process.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

export type PythonScript = 'e2e_worker.py' | 'e2e_workflows.py';

/** One of tests/e2e_*.py. */
export class PythonWorker extends WorkerProcess {
  static async start(
    url: string,
    prefix: string,
    settings: WorkerSettings = {},
    script: PythonScript = 'e2e_worker.py',
  ): Promise<PythonWorker> {
    const options = JSON.stringify({ url, prefix, lease: LEASE_MS / 1_000, ...settings });
    const worker = new PythonWorker(inject('python') ?? '', [`tests/${script}`, options]);
    await worker.says('ready');
    return worker;
  }
}

/** The program of payments.child.ts, bundled. */
export class NodeWorker extends WorkerProcess {
  static async start(
    file: string,
    url: string,
    prefix: string,
    settings: WorkerSettings = {},
  ): Promise<NodeWorker> {
    const options = JSON.stringify({ url, prefix, leaseMs: LEASE_MS, ...settings });
    const worker = new NodeWorker(process.execPath, [file, options]);
    await worker.says('ready');
    return worker;
  }
}
