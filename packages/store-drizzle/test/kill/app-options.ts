import type { OrderInput, ScenarioName } from './scenarios.js';

/** What a process is told when it starts. */
export interface AppOptions {
  readonly database: string;
  readonly ledger: string;
  readonly life: number;
  readonly scenario: ScenarioName;
  readonly runId: string;
  readonly input: OrderInput;
  readonly leaseMs: number;
  /** How far the database's clock is ahead: time that passes at once between two processes. */
  readonly clockAheadMs: number;
  /** Where to stand still, or null. */
  readonly stopAt: string | null;
}
