/**
 * The line before a database that another connection has locked. Waiting inside the driver would stop the event loop,
 * and with it, perhaps, whoever holds the lock; so the driver never waits, and what finds the database locked is tried
 * again from a timer. First come, first served: one job of this process tries for all that wait behind it.
 */
import { StoreBusyError, StoreClosedError } from '../errors.js';

export interface BusyLineOptions {
  /** Whether a failure says that the lock was not had and nothing was done. */
  readonly isBusy: (error: unknown) => boolean;
  /** How long a job waits before it fails with `StoreBusyError`, in milliseconds. */
  readonly timeoutMs: number;
}

interface Job {
  readonly since: number;
  /** Does the work and settles its promise; false when the database is locked. */
  readonly attempt: () => boolean;
  readonly reject: (error: unknown) => void;
  lastError: unknown;
}

const FIRST_DELAY_MS = 1;
const MAX_DELAY_MS = 16;

export class BusyLine {
  readonly #options: BusyLineOptions;
  #jobs: Job[] = [];
  #timer: NodeJS.Timeout | undefined;
  #delayMs = FIRST_DELAY_MS;
  #closed = false;

  constructor(options: BusyLineOptions) {
    this.#options = options;
  }

  /**
   * Runs synchronous work, at once if it can. The work must have left nothing behind when it throws. Work that only
   * reads need not wait behind work that waits to write: it tries first, whoever is in line.
   */
  run<T>(work: () => T, { reads = false }: { readonly reads?: boolean } = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreClosedError());
        return;
      }
      const job: Job = {
        since: performance.now(),
        reject,
        lastError: undefined,
        attempt: () => {
          try {
            resolve(work());
          } catch (error) {
            job.lastError = error;
            if (this.#options.isBusy(error)) return false;
            reject(error);
          }
          return true;
        },
      };
      if ((reads || this.#jobs.length === 0) && job.attempt()) return;
      this.#jobs.push(job);
      this.#arm();
    });
  }

  /** Refuses all that waits and whatever comes. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const { reject } of jobs) reject(new StoreClosedError());
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#jobs.length === 0) return;
    const delayMs = this.#delayMs * (0.5 + Math.random());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#advance();
    }, delayMs);
  }

  #advance(): void {
    for (;;) {
      const [job] = this.#jobs;
      if (!job) return;
      if (!job.attempt()) {
        this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
        this.#expire();
        this.#arm();
        return;
      }
      this.#jobs.shift();
      this.#delayMs = FIRST_DELAY_MS;
    }
  }

  #expire(): void {
    const { timeoutMs } = this.#options;
    const now = performance.now();
    const isOver = ({ since }: Job): boolean => now - since >= timeoutMs;
    for (const { reject, since, lastError } of this.#jobs.filter(isOver)) {
      reject(new StoreBusyError({ waitedMs: Math.round(now - since), cause: lastError }));
    }
    this.#jobs = this.#jobs.filter((job) => !isOver(job));
  }
}
