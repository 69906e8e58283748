/** One application, through all its lives. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { AppOptions, Hello } from '../app/app-options.js';

const BOOT_TIMEOUT_MS = 60_000;

/** How a life has ended. */
export interface Ending {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface AppProcessOptions {
  readonly bundle: string;
  readonly app: AppOptions;
  /** What the processes write, one after the other. */
  readonly log: string;
  /** It has ended, and nobody had asked for it. */
  readonly onUnexpectedEnd: (ending: Ending) => void;
}

export class AppProcess {
  readonly options: AppProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<Ending> | undefined;
  #port: number | undefined;
  #isEndExpected = false;
  #starts = 0;

  constructor(options: AppProcessOptions) {
    this.options = options;
  }

  get index(): number {
    return this.options.app.app;
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
   * Starts a process and waits until it listens.
   *
   * A process that cannot reach its database at boot ends, as it would under a supervisor; then the next one is started.
   */
  async start(): Promise<void> {
    const deadline = Date.now() + BOOT_TIMEOUT_MS;
    while (!(await this.#startOnce())) {
      if (Date.now() > deadline)
        throw new Error(`app ${this.index} does not come up: see ${this.options.log}`);
    }
  }

  /** `SIGKILL`; resolves when it is dead. */
  async kill(): Promise<Ending | undefined> {
    this.#isEndExpected = true;
    this.#port = undefined;
    this.#child?.kill('SIGKILL');
    return this.#ended;
  }

  /** `SIGTERM`; resolves when it has ended by itself. It is sent no new requests, as a load balancer would have it. */
  async terminate(): Promise<Ending | undefined> {
    this.#isEndExpected = true;
    this.#port = undefined;
    this.#child?.kill('SIGTERM');
    return this.#ended;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  #startOnce(): Promise<boolean> {
    const { bundle, app, log } = this.options;
    const env = { ...process.env, NODE_ENV: 'production', CHAOS_APP: JSON.stringify(app) };
    const child = spawn(process.execPath, ['--max-old-space-size=512', bundle], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#starts += 1;
    this.#isEndExpected = false;
    const sink = createWriteStream(log, { flags: 'a' });
    child.stdout?.pipe(sink, { end: false });
    child.stderr?.pipe(sink, { end: false });
    const pid = child.pid ?? -1;
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        sink.end();
        const ending = { pid, code, signal };
        const isExpected = this.#isEndExpected || this.#port === undefined;
        if (this.#child === child) this.#port = undefined;
        if (!isExpected) this.options.onUnexpectedEnd(ending);
        resolve(ending);
      });
    });
    return new Promise((resolve) => {
      child.once('message', ({ port }: Hello) => {
        if (this.#isEndExpected) return;
        this.#port = port;
        resolve(true);
      });
      void this.#ended?.then(() => resolve(this.#isEndExpected));
    });
  }
}
