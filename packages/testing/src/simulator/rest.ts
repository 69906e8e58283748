/** Whether anything in a world is still going to happen by itself, judged by the store's books alone. */
import {
  isTerminal,
  type RunRecord,
  type StateStore,
  type WaitingFor,
} from '@dudousxd/nestjs-durable-core';
import type { Observer } from './observer.js';
import { SIM_VERSION, SIM_WORKFLOW } from './workload.js';

/** The largest grace for cancelled steps, and for the clean-up after it, that a scenario draws. */
const LONGEST_CLEANUP_MS = 2_000 + 30_000;

export interface RestOptions {
  readonly observer: Observer;
  readonly store: StateStore;
  readonly now: () => number;
}

export class Rest {
  private readonly options: RestOptions;

  constructor(options: RestOptions) {
    this.options = options;
  }

  /** Whether every run has ended or is blocked, or waits for a signal that nobody has sent. */
  async isQuiet(): Promise<boolean> {
    for (const run of this.runs()) {
      const moving = !isTerminal(run.status) && run.status !== 'blocked';
      if (moving && !this.waitsForOthers(run)) return false;
    }
    return this.allEnded() || !(await this.hasDue());
  }

  allEnded(): boolean {
    return [...this.runs()].every((run) => isTerminal(run.status));
  }

  /** Tokens that runs wait for. */
  *openTokens(): Generator<string> {
    for (const run of this.runs()) {
      if (run.status !== 'suspended') continue;
      for (const { kind, name } of this.liveWaits(run)) if (kind === 'signal') yield name;
    }
  }

  /** Virtual time of the last timer or deadline that a suspended run waits for; 0 = none. */
  lastTimerAt(): number {
    let latest = 0;
    for (const run of this.runs()) {
      if (run.status !== 'suspended') continue;
      for (const { until } of run.waitingFor) latest = Math.max(latest, until ?? 0);
      latest = Math.max(latest, this.cleanupEndOf(run));
    }
    return latest;
  }

  /** The runs that have not ended, for people. */
  describe(): string {
    const open = [...this.runs()].filter((run) => !isTerminal(run.status));
    const text = open.map(({ id, status, worker, epoch, waitingFor }) => {
      return `${id} ${status} of ${worker ?? 'nobody'}@${epoch} for ${JSON.stringify(waitingFor)}`;
    });
    return text.join('; ') || 'no open run';
  }

  private runs(): Iterable<RunRecord> {
    return this.options.observer.runs.values();
  }

  private waitsForOthers(run: RunRecord): boolean {
    if (run.status !== 'suspended') return false;
    const waits = this.liveWaits(run);
    if (waits.length === 0) return false;
    return waits.every(({ kind, name, until }) => {
      if (until !== undefined) return false;
      if (kind === 'signal') return !this.hasUnconsumed(name);
      return kind === 'child' && [...this.runs()].some((child) => isOpenChild(child, run));
    });
  }

  /** What a run waits for, without the waits whose place a newer one of the same token has taken: those never settle. */
  private liveWaits({ id, branch, waitingFor }: RunRecord): readonly WaitingFor[] {
    const scheduled = [...this.options.observer.book(id, branch).scheduled.values()];
    return waitingFor.filter(({ kind, name, position }) => {
      if (kind !== 'signal') return true;
      const newer = scheduled.some(
        (wait) => wait.kind === 'signal' && wait.name === name && (wait.position ?? 0) > position,
      );
      return !newer;
    });
  }

  private hasUnconsumed(token: string): boolean {
    for (const signal of this.options.observer.signals.values()) {
      if (signal.token === token && signal.consumedBy === null) return true;
    }
    return false;
  }

  /** Whether the database holds something due that nobody has claimed yet. */
  private async hasDue(): Promise<boolean> {
    const serves = [`${SIM_WORKFLOW}@${SIM_VERSION}`];
    const probe = { worker: 'probe', namespace: 'default', serves, limit: 0, resync: false };
    const { nextWakeAt } = await this.options.store.claim(probe);
    return nextWakeAt !== null && nextWakeAt <= this.options.now();
  }

  /** When the clean-up of a cancelled run has to end at the latest; 0 = it is not cancelled. */
  private cleanupEndOf({ id, branch }: RunRecord): number {
    const cancel = this.options.observer
      .book(id, branch)
      .events.find(({ kind }) => kind === 'cancel');
    return cancel === undefined ? 0 : cancel.at + LONGEST_CLEANUP_MS;
  }
}

function isOpenChild(child: RunRecord, parent: RunRecord): boolean {
  return child.parent?.runId === parent.id && !isTerminal(child.status);
}
