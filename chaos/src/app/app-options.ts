/** What every process is told when it starts, as JSON in `CHAOS_PROCESS`. */
interface CommonOptions {
  /** Which of the processes it is, from 0: first the applications, then the workers. */
  readonly app: number;
  readonly ledger: string;
  /** For marks of what was done once. */
  readonly folder: string;
  /** How far its clock is ahead, in milliseconds. */
  readonly clockOffsetMs: number;
  readonly leaseMs: number;
  readonly shutdownMs: number;
}

export interface AppOptions extends CommonOptions {
  readonly role: 'app';
  readonly store: StoreName;
  /** Through a proxy of this application. */
  readonly databaseUrl: string;
  /** Likewise; null: there are no remote steps. */
  readonly redisUrl: string | null;
  readonly heartbeatMs: number;
  readonly maxPollMs: number;
}

/** Of a process that serves remote steps, and nothing else. */
export interface WorkerOptions extends CommonOptions {
  readonly role: 'worker';
  /** Through a proxy of this worker. */
  readonly redisUrl: string;
}

export type ProcessOptions = AppOptions | WorkerOptions;

/** The stores that the rig can be run on: see `store-factory.ts`. */
export type StoreName = 'drizzle-postgres';

/** What a process says when it is up. */
export interface Hello {
  /** Where it listens; null: nowhere. */
  readonly port: number | null;
}
