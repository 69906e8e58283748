/** One application or worker, through all its lives. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { Hello, ProcessOptions } from '../app/app-options.js';

const BOOT_TIMEOUT_MS = 60_000;
const READY = 'ready';

/** How a life has ended. */
export interface Ending {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface AppProcessOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** More variables of its environment. @default none */
  readonly env?: Readonly<Record<string, string>>;
  readonly app: ProcessOptions;
  /** What the processes write, one after the other. */
  readonly log: string;
  /** It has ended, and nobody had asked for it. */
  readonly onUnexpectedEnd: (ending: Ending) => void;
}

export class AppProcess {
  readonly options: AppProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<Ending> | undefined;
  #isUp = false;
  #port: number | undefined;
  #isEndExpected = false;
  #starts = 0;

  constructor(options: AppProcessOptions) {
    this.options = options;
  }

  get index(): number {
    return this.options.app.app;
  }

  /** For people. */
  get name(): string {
    return `${this.options.app.role} ${this.index}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get starts(): number {
    return this.#starts;
  }

  /** Undefined while it does not listen. */
  get url(): string | undefined {
    return this.#port === undefined ? undefined : `http://127.0.0.1:${this.#port}`;
  }

  /**
   * Starts a process and waits until it is up: it listens, or has said so.
   *
   * A process that cannot reach its database at boot ends, as it would under a supervisor; then the next one is started.
   */
  async start(): Promise<void> {
    const deadline = Date.now() + BOOT_TIMEOUT_MS;
    while (!(await this.#startOnce())) {
      if (Date.now() > deadline)
        throw new Error(`${this.name} does not come up: see ${this.options.log}`);
    }
  }

  /** `SIGKILL`; resolves when it is dead. */
  async kill(): Promise<Ending | undefined> {
    this.#isEndExpected = true;
    this.#isDown();
    this.#child?.kill('SIGKILL');
    return this.#ended;
  }

  /** `SIGTERM`; resolves when it has ended by itself. It is sent no new requests, as a load balancer would have it. */
  async terminate(): Promise<Ending | undefined> {
    this.#isEndExpected = true;
    this.#isDown();
    this.#child?.kill('SIGTERM');
    return this.#ended;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  #isDown(): void {
    this.#isUp = false;
    this.#port = undefined;
  }

  #startOnce(): Promise<boolean> {
    const { command, app } = this.options;
    const [program, ...args] = command;
    const own = { NODE_ENV: 'production', CHAOS_PROCESS: JSON.stringify(app) };
    const child = spawn(program, args, {
      env: { ...process.env, ...this.options.env, ...own },
      // Its input ends with this process.
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#starts += 1;
    this.#isEndExpected = false;
    this.#ended = this.#endOf(child);
    return new Promise((resolve) => {
      const isUp = ({ port }: Hello): void => {
        if (this.#isEndExpected || this.#isUp) return;
        this.#isUp = true;
        this.#port = port ?? undefined;
        resolve(true);
      };
      child.once('message', isUp);
      // What is not written in Node prints it.
      child.stdout?.on('data', (data) => {
        if (String(data).startsWith(READY)) isUp({ port: null });
      });
      void this.#ended?.then(() => resolve(this.#isEndExpected));
    });
  }

  #endOf(child: ChildProcess): Promise<Ending> {
    const sink = createWriteStream(this.options.log, { flags: 'a' });
    child.stdout?.pipe(sink, { end: false });
    child.stderr?.pipe(sink, { end: false });
    const pid = child.pid ?? -1;
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        sink.end();
        const ending = { pid, code, signal };
        const isExpected = this.#isEndExpected || !this.#isUp;
        if (this.#child === child) this.#isDown();
        if (!isExpected) this.options.onUnexpectedEnd(ending);
        resolve(ending);
      });
    });
  }
}
