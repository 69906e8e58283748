/** How long a store remembers a dead or released worker before `purge` may remove it, in milliseconds. */
export const DEAD_WORKER_RETENTION_MS = 24 * 60 * 60 * 1000;
