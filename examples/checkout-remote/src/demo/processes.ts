/** The three processes, seen from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type ProcessName = 'api' | 'payments' | 'fulfilment';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A process that ends with the demo at the latest. */
export class Program {
  readonly name: ProcessName;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  constructor(name: ProcessName, command: string, args: readonly string[], env: object = {}) {
    this.name = name;
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    this.#child = child;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.#output += String(chunk);
      });
    }
    process.once('exit', () => child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with what it has printed, if it has ended */
  mustRun(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Error(`${this.name} has ended:\n${this.#output}`);
  }

  /** SIGTERM, as in a deploy. Nest ends itself by the same signal when its hooks are done. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 || signalCode === 'SIGTERM') return;
    throw new Error(`${this.name} has ended with ${exitCode ?? signalCode}:\n${this.#output}`);
  }
}

/** HTTP, the database and the workflow. */
export function startApi(port: number, database: string): Program {
  const env = { PORT: String(port), DATABASE_FILE: database };
  return new Program('api', process.execPath, [fileOf('../api/main.js')], env);
}

/** A worker in Node. */
export function startPayments(): Program {
  return new Program('payments', process.execPath, [fileOf('../payments/main.js')]);
}

/** A worker in Python. */
export function startFulfilment(): Program {
  const program = fileOf('../../fulfilment/worker.py');
  return new Program('fulfilment', process.env.PYTHON ?? 'python3', [program]);
}
