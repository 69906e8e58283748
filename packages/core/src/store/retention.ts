/** How long a store remembers a dead or released worker before `purge` may remove it, in milliseconds. */
export const DEAD_WORKER_RETENTION_MS = 24 * 60 * 60 * 1000;

/** A visible task that is not taken for longer has no taker: those that look do so every second. */
export const UNTAKEN_MS = 15_000;
