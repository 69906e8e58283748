/** What `doctor()` looks for, and what it answers. */

/**
 * - `I1` An operation has at most one outcome. Looks at `durable_history`: two rows that end one operation of one branch.
 * - `I3` A run is the one that was started. Looks at `durable_runs`: two rows with one id, and an input that is not the
 *   one whose digest a second start with the id is compared with. Inputs above 64 KiB are not read.
 * - `I10` A run that has ended does nothing any more, and its parent has been told. Looks at `durable_runs`: the columns
 *   agree with the status; at `durable_waits` and `durable_tasks`: nothing of an ended run; and, for a child that has
 *   ended, at its parent's `durable_inbox` and `durable_history`.
 * - `I12` Somebody will look at every run that has not ended: it has an owner that the others know, a ready row, or an
 *   open wait, child or task for all that it waits for; and what has arrived for it, or is due, is not slept over.
 *   Looks at `durable_runs`, `durable_workers`, `durable_ready`, `durable_inbox`, `durable_waits`, `durable_signals` and
 *   `durable_tasks`. An owner that has just died is an owner: the others take its runs when its lease is over. A blocked
 *   run waits for a person.
 * - `I13` No limit is exceeded. The schema has one so far: an operation has one open attempt. Looks at `durable_tasks`.
 */
export type DoctorInvariant = 'I1' | 'I3' | 'I10' | 'I12' | 'I13';

/** One thing that must not be. */
export interface DoctorFinding {
  readonly invariant: DoctorInvariant;
  readonly runId: string;
  /** What is wrong, in words. */
  readonly what: string;
  /** The branch and the position of the operation, where it is about one. */
  readonly branch?: number;
  readonly position?: number;
}

export interface DoctorOptions {
  /** Goes on where an earlier report has stopped: its `cursor`. @default from the start */
  readonly cursor?: string;
  /** No page of runs is begun after this time, in milliseconds. @default 5000 */
  readonly budgetMs?: number;
  /** Most findings of each invariant that are listed; all are counted. @default 10 */
  readonly examples?: number;
  /** Runs that are looked at together, on one snapshot. @default 500 */
  readonly pageSize?: number;
}

export interface DoctorReport {
  /** Database time of the first look, in epoch milliseconds. */
  readonly startedAt: number;
  /** How many runs were looked at. */
  readonly runs: number;
  /** Where to go on if the time was up before all runs were looked at; else null. */
  readonly cursor: string | null;
  /** Examples, at most `examples` of each invariant. Empty = healthy, as far as was looked. */
  readonly findings: readonly DoctorFinding[];
  /** How many violations were found in all. */
  readonly violations: Readonly<Record<DoctorInvariant, number>>;
}
