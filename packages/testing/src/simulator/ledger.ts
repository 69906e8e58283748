/**
 * The ledger: what really ran, written by step bodies and workflow functions themselves, outside of the store under
 * test. The invariants compare it with what the store says.
 */
import type { Seen, Visit } from './interpret.js';

/** One execution of a step's body. */
export interface BodyRecord extends Visit {
  readonly runId: string;
  readonly remote: boolean;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Index of the process. */
  readonly instance: number;
  readonly startAt: number;
  endAt: number | null;
  end: 'running' | 'returned' | 'threw' | 'aborted' | 'killed';
}

/** One activation of a workflow function: live or replaying, on one process. */
export interface Execution {
  readonly runId: string;
  readonly branch: number;
  readonly instance: number;
  readonly startAt: number;
  /** Events that were durable when it began. */
  readonly knownSeq: number;
  /** Whether the store held the run as its process's when it began. A process that has lost a run may not know yet. */
  readonly owned: boolean;
  readonly seen: Seen[];
  /** False once the process it ran in has died. */
  alive: boolean;
  ended: boolean;
}

export class Ledger {
  readonly bodies: BodyRecord[] = [];
  readonly executions: Execution[] = [];
  private nonces = 0;

  /** A value that no two calls share. */
  nonce(): string {
    this.nonces += 1;
    return `x${this.nonces}`;
  }

  begin(record: Omit<BodyRecord, 'endAt' | 'end'>): BodyRecord {
    const body: BodyRecord = { ...record, endAt: null, end: 'running' };
    this.bodies.push(body);
    return body;
  }

  beginExecution(execution: Omit<Execution, 'seen' | 'alive' | 'ended'>): Execution {
    const begun: Execution = { ...execution, seen: [], alive: true, ended: false };
    this.executions.push(begun);
    return begun;
  }

  /** Closes what was running in a process that has died. */
  killed(instance: number, at: number): void {
    for (const body of this.bodies) {
      if (body.instance !== instance || body.end !== 'running') continue;
      body.end = 'killed';
      body.endAt = at;
    }
    for (const execution of this.executions) {
      if (execution.instance === instance) execution.alive = false;
    }
  }

  executionsOf(runId: string, branch: number): readonly Execution[] {
    return this.executions.filter(
      (execution) => execution.runId === runId && execution.branch === branch,
    );
  }
}
