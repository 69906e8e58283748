/** What a process is told when it starts, as JSON in `CHAOS_APP`. */
export interface AppOptions {
  /** Which of the applications it is, from 0. */
  readonly app: number;
  readonly store: StoreName;
  /** Through the proxy of this application. */
  readonly databaseUrl: string;
  readonly ledger: string;
  /** For marks of what was done once. */
  readonly folder: string;
  /** How far its clock is ahead, in milliseconds. */
  readonly clockOffsetMs: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly maxPollMs: number;
  readonly shutdownMs: number;
}

/** The stores that the rig can be run on: see `store-factory.ts`. */
export type StoreName = 'drizzle-postgres';

/** What a process says when it listens. */
export interface Hello {
  readonly port: number;
}
