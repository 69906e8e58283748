/**
 * Reads what owned runs need of the store, for as long as it takes, and for no longer than the runs are this worker's.
 *
 * Histories go through a batcher: runs that are claimed together are read together, however often that fails, and one
 * history that cannot be read ends up in a call of its own. A fleet of single reads would take every connection that a
 * small pool has, just when the database comes back.
 */
import { Batcher } from '../commit/batcher.js';
import { childrenInDoubt } from '../decide/rebase.js';
import type { HistoryEvent } from '../model/history.js';
import type { Arrival } from '../model/message.js';
import type { RunRecord } from '../model/run.js';
import { startTimer } from '../remote/watchdog.js';
import type { Runtime } from '../runtime/runtime.js';
import { deliverLateEnds } from '../store/late-child-ends.js';
import type { StateStore } from '../store/state-store.js';

export interface RunReaderOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  /** The worker that owns the runs; another one when the lease has gone, and with it every run. */
  readonly worker: () => string;
}

interface HistoryRead {
  readonly run: RunRecord;
  readonly worker: string;
}

type History = readonly HistoryEvent[];

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;

export class RunReader {
  private readonly options: RunReaderOptions;
  /** Null: nobody wants it any more. */
  private readonly histories: Batcher<HistoryRead, History | null>;
  private readonly pauses = new Set<() => void>();
  private stopped = false;

  constructor(options: RunReaderOptions) {
    this.options = options;
    const { scheduler, logger } = options.runtime;
    this.histories = new Batcher({
      what: 'Reading histories',
      send: (reads) => this.readHistories(reads),
      measure: () => ({ rows: 1, bytes: 0 }),
      scheduler,
      logger,
      retryable: () => true,
      lanes: options.store.capabilities.writeLanes,
    });
  }

  /** Reads the history of the run's branch. `done` is not called when the process has lost the run meanwhile. */
  history(run: RunRecord, done: (history: History) => void): void {
    const worker = this.options.worker();
    this.histories.add({ run, worker }, (history) => {
      if (history !== undefined && history !== null && this.isStill(worker)) done(history);
    });
  }

  /** Reads what has arrived for runs; null when the lease has gone meanwhile. */
  async arrivals(
    runIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly Arrival[]> | null> {
    const { store, runtime } = this.options;
    const worker = this.options.worker();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      if (!this.isStill(worker)) return null;
      try {
        const found = await store.receive(runIds);
        return this.isStill(worker) ? found : null;
      } catch (error) {
        runtime.logger.warn(`Reading arrivals failed; trying again in ${pauseMs} ms.`, { error });
      }
      await this.pause(pauseMs);
    }
  }

  /** Reads nothing more, and answers nobody. */
  stop(): void {
    this.stopped = true;
    this.histories.kill();
    for (const stopTimer of this.pauses) stopTimer();
    this.pauses.clear();
  }

  private async readHistories(reads: readonly HistoryRead[]): Promise<readonly (History | null)[]> {
    const wanted = reads.filter(({ worker }) => this.isStill(worker));
    const requests = wanted.map(({ run: { id, branch } }) => ({ runId: id, branch, after: 0 }));
    const found = wanted.length === 0 ? [] : await this.options.store.history(requests);
    const histories = new Map(wanted.map((read, i) => [read, found[i]]));
    for (const [{ run }, history] of histories) {
      // A retry opened this branch: children may have ended when there was nobody to tell.
      if (run.branch > 0)
        await deliverLateEnds(this.options.store, run.id, childrenInDoubt(history ?? []));
    }
    return reads.map((read) => histories.get(read) ?? null);
  }

  private isStill(worker: string): boolean {
    return !this.stopped && this.options.worker() === worker;
  }

  /** Never ends if the process stops meanwhile. */
  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.stopped) return;
      const stopTimer = startTimer(this.options.runtime, delayMs, () => {
        this.pauses.delete(stopTimer);
        resolve();
      });
      this.pauses.add(stopTimer);
    });
  }
}
