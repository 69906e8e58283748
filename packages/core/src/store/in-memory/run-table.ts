/** T6: no status is written but here, and none that the table of transitions does not allow. */
import type { RunRecord } from '../../model/run.js';
import { canTransition, type RunStatus } from '../../model/status.js';
import { MultiMap } from './multi-map.js';

/** The runs, with the two look-ups that the transitions need: by owner and by parent. */
export class RunTable {
  readonly #runs = new Map<string, RunRecord>();
  readonly #owned = new MultiMap<string, string>();
  readonly #children = new MultiMap<string, string>();
  /** Last `seq` of the branch when the run was last taken from a dead worker. */
  readonly #crashSeqs = new Map<string, number>();

  get(runId: string): RunRecord | undefined {
    return this.#runs.get(runId);
  }

  /**
   * Inserts or replaces; the record must not be changed afterwards.
   *
   * @throws Error for a change of status that the table forbids: the transition that asks for it is wrong
   */
  put(run: RunRecord): RunRecord {
    const old = this.#runs.get(run.id);
    if (old) requireTransition(old, run.status);
    if (old?.worker) this.#owned.delete(old.worker, run.id);
    if (run.worker) this.#owned.add(run.worker, run.id);
    if (!old && run.parent) this.#children.add(run.parent.runId, run.id);
    this.#runs.set(run.id, run);
    return run;
  }

  delete(run: RunRecord): void {
    if (run.worker) this.#owned.delete(run.worker, run.id);
    if (run.parent) this.#children.delete(run.parent.runId, run.id);
    this.#crashSeqs.delete(run.id);
    this.#runs.delete(run.id);
  }

  ownedBy(worker: string): RunRecord[] {
    return this.#existing(this.#owned.get(worker)).sort(byId);
  }

  owns(worker: string): boolean {
    return this.#owned.has(worker);
  }

  /** Runs whose parent is this branch of this run. */
  childrenOf(runId: string, branch: number): RunRecord[] {
    return this.#existing(this.#children.get(runId))
      .filter((run) => run.parent?.branch === branch)
      .sort(byId);
  }

  all(): Iterable<RunRecord> {
    return this.#runs.values();
  }

  crashSeq(runId: string): number | undefined {
    return this.#crashSeqs.get(runId);
  }

  setCrashSeq(runId: string, seq: number): void {
    this.#crashSeqs.set(runId, seq);
  }

  #existing(ids: readonly string[]): RunRecord[] {
    return ids.flatMap((id) => this.#runs.get(id) ?? []);
  }
}

function requireTransition({ id, status: from }: RunRecord, to: RunStatus): void {
  if (from === to || canTransition(from, to)) return;
  throw new Error(`Run "${id}" is ${from} and cannot become ${to}: this is a fault of the store.`);
}

function byId(a: RunRecord, b: RunRecord): number {
  return a.id < b.id ? -1 : 1;
}
