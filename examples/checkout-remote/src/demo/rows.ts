/** An order's timeline, with the processes in which its steps ran. */
import type { Program } from './processes.js';
import type { Entry } from './shop.js';
import type { Announced } from './workers.js';

export interface Row {
  /** Since the order was placed. */
  readonly beganMs: number;
  /** Until the outcome was recorded. */
  readonly tookMs: number;
  readonly step: string;
  readonly attempt: number;
  readonly worker: string;
  /** `payments (node, process 4711)` */
  readonly ranIn: string;
  readonly outcome: string;
}

/** The processes that were started, and what workers said of themselves. */
export interface Places {
  readonly programs: readonly Program[];
  readonly workers: readonly Announced[];
}

export function rowsOf(entries: readonly Entry[], since: number, places: Places): readonly Row[] {
  return entries.map(({ step, attempt, outcome, worker, startedAt, endedAt, reason }) => {
    const began = Date.parse(startedAt);
    return {
      beganMs: began - since,
      tookMs: Math.max(0, Date.parse(endedAt) - began),
      step,
      attempt,
      worker,
      ranIn: placeOf(worker, places),
      outcome: outcome === 'completed' ? 'recorded' : `failed, ${reason ?? 'for no reason'}`,
    };
  });
}

/** Who has announced nothing is the engine itself. */
function placeOf(worker: string, { programs, workers }: Places): string {
  const { name, sdk } = workers.find(({ id }) => id === worker) ?? { name: 'api', sdk: 'node' };
  const pid = programs.find((program) => program.name === name)?.pid;
  return `${name} (${sdk}, process ${pid})`;
}
