/**
 * Run statuses and the one table of allowed transitions (invariant T6: a status changes only through this table).
 */

/** Where a run stands. `failed`, `completed` and `cancelled` are terminal: whatever arrives later is ignored. */
export const RunStatus = {
  pending: 'pending',
  running: 'running',
  suspended: 'suspended',
  blocked: 'blocked',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;
export type RunStatus = (typeof RunStatus)[keyof typeof RunStatus];

/** The statuses a run ends in. */
export type TerminalStatus = 'completed' | 'failed' | 'cancelled';

const TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  pending: ['running', 'blocked', 'cancelled'],
  running: ['suspended', 'blocked', 'completed', 'failed', 'cancelled'],
  suspended: ['running', 'blocked', 'cancelled'],
  blocked: ['suspended', 'cancelled'],
  failed: ['suspended'],
  completed: [],
  cancelled: [],
};

/** Whether a run may go from one status to another. `failed → suspended` and `blocked → suspended` are `retry`. */
export function canTransition(from: RunStatus, to: RunStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Whether nothing can happen to the run any more, `retry` of a failed run aside. */
export function isTerminal(status: RunStatus): status is TerminalStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
