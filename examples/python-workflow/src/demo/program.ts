/** A process, seen from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A call of a step's body, as the process logged it: each step logs the idempotency key that it hands on. */
export interface Body {
  readonly key: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

const KEY = /, key (\S+)$/;

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A process that ends with the demo at the latest. */
export class Program {
  readonly name: string;
  /** The bodies that have begun in it. */
  readonly bodies: Body[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #output: string[] = [];

  constructor(name: string, command: string, args: readonly string[], env: object) {
    this.name = name;
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    this.#child = child;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => this.#read(line));
    }
    process.once('exit', () => child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it has logged that. */
  hasLogged(text: string): boolean {
    return this.#output.some((line) => line.includes(text));
  }

  /** @throws Error with what it has printed, if it has ended */
  mustRun(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Error(`${this.name} has ended:\n${this.#output.join('\n')}`);
  }

  /** No warning, no time to tidy up. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, as in a deploy. Nest ends itself by the same signal when its hooks are done. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 || signalCode === 'SIGTERM') return;
    const how = exitCode ?? signalCode;
    throw new Error(`${this.name} has ended with ${how}:\n${this.#output.join('\n')}`);
  }

  #read(line: string): void {
    this.#output.push(line);
    const key = KEY.exec(line)?.[1];
    if (key !== undefined) this.bodies.push({ key, at: Date.now() });
  }
}

/** HTTP, the database, the engine and the steps in TypeScript. */
export function startNest(env: object): Program {
  return new Program('nest', process.execPath, [fileOf('../app/main.js')], {
    NO_COLOR: '1',
    ...env,
  });
}

/** The code of the workflow, and the steps in Python. */
export function startPython(env: object): Program {
  const program = fileOf('../../orders/worker.py');
  return new Program('python', process.env.PYTHON ?? 'python3', [program], env);
}
