import type { DatabaseName } from '../databases/database.js';
import type { Goal } from '../report.js';

/** What is asked of one process; absent where nothing is asked. */
export interface DatabaseGoals {
  /** Runs/s by runs in flight. */
  readonly runsPerSecond: Readonly<Record<number, Goal>>;
  /** Of the raw closed loop. */
  readonly shareOfRaw: Goal;
  readonly statementsPerStep: Goal;
  /** A lone run, in times of six raw commits. */
  readonly loneRun: Goal;
}

const NONE: DatabaseGoals = {
  runsPerSecond: {},
  shareOfRaw: undefined,
  statementsPerStep: undefined,
  loneRun: undefined,
};

/** ORMs from which more is asked at 256 in flight. */
const FAST_ORMS = new Set(['drizzle', 'typeorm']);

export function goalsOf(database: DatabaseName, orm: string): DatabaseGoals {
  if (database !== 'postgres') return NONE;
  return {
    runsPerSecond: { 64: { atLeast: 2_500 }, 256: { atLeast: FAST_ORMS.has(orm) ? 4_000 : 2_500 } },
    shareOfRaw: { atLeast: 0.5 },
    statementsPerStep: { atMost: 0.15 },
    loneRun: { atMost: 2 },
  };
}
