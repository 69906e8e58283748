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
  | 'sigterm'
  | RemoteFaultKind;

/** What hits Redis, the ways to it, the workers of remote steps, and the messages between them and the engines. */
type RemoteFaultKind =
  | 'redis'
  | 'redisLoss'
  | 'flush'
  | 'redisHole'
  | 'redisReset'
  | 'redisCut'
  | 'workerKill'
  | 'workerPause'
  | 'workerTerm'
  | 'forge'
  | 'duplicate';

export interface Fault {
  readonly kind: FaultKind;
  /** The process, by its number, or null: all of them. */
  readonly app: number | null;
  /** Its life, where it is about one. */
  readonly pid: number | null;
  readonly from: number;
  /** Set when it is over. */
  to: number | null;
  /** Of messages: the attempts that they may repeat, and nothing else may be blamed on them. See `attemptName`. */
  readonly attempts?: ReadonlySet<string>;
}

/** How an attempt of a step is known outside. */
export function attemptName(run: string, key: string, attempt: number): string {
  return `${run} ${key} ${attempt}`;
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

  /** Notes messages of the driver's own, sent since a time. */
  noteMessages(
    kind: 'forge' | 'duplicate',
    from: number,
    attempts: ReadonlySet<string> = new Set(),
  ): void {
    this.faults.push({ kind, app: null, pid: null, from, to: Date.now(), attempts });
  }

  count(kind: FaultKind): number {
    return this.faults.filter((fault) => fault.kind === kind).length;
  }

  /** When the last planned fault was over. Replies are cut off for as long as there are any. */
  get lastEnd(): number {
    const planned = this.faults.filter(({ kind }) => kind !== 'cut' && kind !== 'redisCut');
    return Math.max(0, ...planned.map(({ from, to }) => to ?? from));
  }
}
