/** Every fault that has really hit, and whom. */
export type FaultKind =
  | 'kill'
  | 'pause'
  | 'block'
  | 'database'
  | 'terminate'
  | 'cut'
  | 'hole'
  | 'reset'
  | 'latency'
  | 'sigterm';

export interface Fault {
  readonly kind: FaultKind;
  /** The application, or null: all of them. */
  readonly app: number | null;
  /** The process, where it is about one. */
  readonly pid: number | null;
  readonly from: number;
  /** Set when it is over. */
  to: number | null;
}

export class FaultLog {
  readonly faults: Fault[] = [];

  /** Notes a fault that begins now. Call the answer when it is over. */
  begin(kind: FaultKind, app: number | null, pid: number | null = null): () => void {
    const fault: Fault = { kind, app, pid, from: Date.now(), to: null };
    this.faults.push(fault);
    return () => {
      fault.to = Date.now();
    };
  }

  /** Notes a fault of one moment. */
  note(kind: FaultKind, app: number | null, pid: number | null = null): void {
    this.begin(kind, app, pid)();
  }

  count(kind: FaultKind): number {
    return this.faults.filter((fault) => fault.kind === kind).length;
  }

  /** When the last planned fault was over. Replies are cut off for as long as there are any. */
  get lastEnd(): number {
    const planned = this.faults.filter(({ kind }) => kind !== 'cut');
    return Math.max(0, ...planned.map(({ from, to }) => to ?? from));
  }
}
