import { DEAD_WORKER_RETENTION_MS } from '../retention.js';
import type { HeartbeatRequest } from '../state-store.js';

/** A process that executes runs, as the store knows it. */
export interface WorkerRow {
  readonly id: string;
  readonly namespace: string;
  readonly serves: readonly string[];
  /** Its runs may be taken after this time. */
  readonly leaseUntil: number;
  /** When its runs were taken or handed back; it never comes back under this id. */
  readonly deadAt: number | null;
}

/** Workers, the dead ones included until they are purged. */
export class WorkerTable {
  readonly #rows = new Map<string, WorkerRow>();
  readonly #announced = new Set<string>();

  /** Registers the worker or extends its lease; false if it is dead. */
  beat({ worker, namespace, leaseMs, serves }: HeartbeatRequest, now: number): boolean {
    if (this.#rows.get(worker)?.deadAt != null) return false;
    const leaseUntil = now + leaseMs;
    this.#rows.set(worker, {
      id: worker,
      namespace,
      serves: [...serves],
      leaseUntil,
      deadAt: null,
    });
    for (const queue of serves) this.#announced.add(announcement(namespace, workflowOf(queue)));
    return true;
  }

  bury(workerId: string, now: number): void {
    const row = this.#rows.get(workerId);
    if (row && row.deadAt === null) this.#rows.set(workerId, { ...row, deadAt: now });
  }

  /** Workers whose lease has passed, those already buried included: one may have claimed again since. */
  expired(now: number): WorkerRow[] {
    return [...this.#rows.values()].filter((row) => row.deadAt !== null || row.leaseUntil < now);
  }

  /** When the next lease ends; null if there is none. */
  nextExpiry(now: number): number | null {
    const held = [...this.#rows.values()].filter(
      ({ deadAt, leaseUntil }) => deadAt === null && leaseUntil >= now,
    );
    return held.length === 0 ? null : Math.min(...held.map(({ leaseUntil }) => leaseUntil));
  }

  /** What live workers announce, sorted. */
  served(namespace: string, now: number): string[] {
    const live = [...this.#rows.values()].filter(
      (row) => row.namespace === namespace && row.deadAt === null && row.leaseUntil >= now,
    );
    return [...new Set(live.flatMap((row) => row.serves))].sort();
  }

  /** What workers announced that are gone, and no live one, with the time at which the last of them went. */
  lastServed(namespace: string, now: number): Map<string, number> {
    const served = new Set(this.served(namespace, now));
    const last = new Map<string, number>();
    for (const row of this.#rows.values()) {
      if (row.namespace !== namespace) continue;
      const goneAt = Math.min(row.deadAt ?? row.leaseUntil, row.leaseUntil);
      for (const queue of row.serves) {
        if (!served.has(queue)) last.set(queue, Math.max(goneAt, last.get(queue) ?? 0));
      }
    }
    return last;
  }

  hasAnnounced(namespace: string, workflow: string): boolean {
    return this.#announced.has(announcement(namespace, workflow));
  }

  /** Removes up to `limit` workers that have been dead for long and own nothing; returns how many. */
  purge(limit: number, now: number, owns: (workerId: string) => boolean): number {
    const old = [...this.#rows.values()].filter(
      ({ id, deadAt }) => deadAt !== null && deadAt + DEAD_WORKER_RETENTION_MS <= now && !owns(id),
    );
    for (const { id } of old.slice(0, limit)) this.#rows.delete(id);
    return Math.min(old.length, limit);
  }
}

function workflowOf(queue: string): string {
  return queue.slice(0, queue.lastIndexOf('@'));
}

function announcement(namespace: string, workflow: string): string {
  return JSON.stringify([namespace, workflow]);
}
