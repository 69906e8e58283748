/**
 * Faults and the plans that decide them. A decision depends on the place of a call (process, method, ordinal), not on
 * what happened before, so that switching one fault off while shrinking leaves the others where they are.
 */
import { hashUnit } from './random.js';

/** What can befall one store call. `crash…` and `pause…` hit the calling process at that moment. */
export type StoreFaultKind =
  | 'errorBefore'
  | 'executeThenError'
  | 'serialization'
  | 'delay'
  | 'connectionDrop'
  | 'crashBeforeExecute'
  | 'crashAfterExecute'
  | 'crashAfterReply'
  | 'pauseAtExecute'
  | 'pauseAtReply';

export type TransportFaultKind = 'drop' | 'duplicate' | 'late' | 'forge';

export type ProcessFaultKind = 'crash' | 'pause' | 'drain' | 'clockJump';

/** A fault of a store call, with the numbers drawn for it. */
export interface StoreFault {
  readonly kind: StoreFaultKind;
  /** For `delay`, how much before the execution and before the reply; for pauses, how long. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** One process fault, planned from the start. */
export interface ProcessFault {
  readonly kind: ProcessFaultKind;
  readonly atMs: number;
  readonly instance: number;
  /** Crash, drain: until the next start. Pause: its length. Clock jump: the jump, of either sign. */
  readonly ms: number;
}

type StoreRates = Readonly<Partial<Record<StoreFaultKind, number>>>;
type TransportRates = Readonly<Partial<Record<TransportFaultKind, number>>>;

/** A single planned store fault, for the exhaustive mode and shrunk scenarios. */
export interface StoreFaultSite extends StoreFault {
  readonly instance: number;
  readonly method: string;
  /** 1 for the first call of this method by this instance, restarts included. */
  readonly ordinal: number;
}

/** All faults of a scenario. */
export interface FaultSpec {
  readonly storeRates: StoreRates;
  readonly transportRates: TransportRates;
  readonly sites: readonly StoreFaultSite[];
  readonly process: readonly ProcessFault[];
  /** Ids of faults drawn by rate that are switched off. */
  readonly suppressed: readonly string[];
}

export const NO_FAULTS: FaultSpec = {
  storeRates: {},
  transportRates: {},
  sites: [],
  process: [],
  suppressed: [],
};

/** A fault that has happened. */
export interface FaultRecord {
  readonly id: string;
  readonly at: number;
  /** Index of the process it hit; null for a fault between processes. */
  readonly instance: number | null;
  readonly text: string;
}

/** What an injected store error looks like to the engine: an error of a driver, and nothing it could recognise. */
export class InjectedStoreError extends Error {
  readonly simulated = true;
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'InjectedStoreError';
    this.code = code;
  }
}

/** Whether an injected error is the reason of `error`, directly or by its chain of causes. */
export function isInjected(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if ('simulated' in at) return true;
  }
  return false;
}

/** Decides, and keeps the log of what has happened. */
export class FaultPlan {
  readonly log: FaultRecord[] = [];
  private readonly seed: number;
  private readonly spec: FaultSpec;
  private readonly leaseMs: number;
  private readonly suppressed: ReadonlySet<string>;
  private healed = false;

  constructor(seed: number, spec: FaultSpec, leaseMs: number) {
    this.seed = seed;
    this.spec = spec;
    this.leaseMs = leaseMs;
    this.suppressed = new Set(spec.suppressed);
  }

  /** Ends all faults, those that are planned for one call apart: they may be meant for the end. */
  heal(): void {
    this.healed = true;
  }

  get active(): boolean {
    return !this.healed;
  }

  record(record: FaultRecord): void {
    this.log.push(record);
  }

  storeFault(
    instance: number,
    method: string,
    ordinal: number,
  ): (StoreFault & { readonly id: string }) | null {
    const id = `s:${instance}:${method}:${ordinal}`;
    const site = this.spec.sites.find(
      (planned) =>
        planned.instance === instance && planned.method === method && planned.ordinal === ordinal,
    );
    if (site !== undefined) return { ...site, id };
    if (this.healed || this.suppressed.has(id)) return null;
    const kind = this.draw(this.spec.storeRates, 'store', instance, method, ordinal);
    if (kind === null) return null;
    const spread = 3 * this.leaseMs;
    const beforeMs = Math.floor(
      hashUnit(this.seed, 'before', instance, method, ordinal) ** 2 * spread,
    );
    const afterMs = Math.floor(
      hashUnit(this.seed, 'after', instance, method, ordinal) ** 2 * spread,
    );
    return { id, kind, beforeMs: this.pauseFor(kind, beforeMs), afterMs };
  }

  transportFault(message: number): (TransportFault & { readonly id: string }) | null {
    return this.messageFault('transport', `t:${message}`, message);
  }

  /** A hint fares as the messages of the transport do. */
  hintFault(message: number): (TransportFault & { readonly id: string }) | null {
    return this.messageFault('hint', `h:${message}`, message);
  }

  private messageFault(
    carrier: string,
    id: string,
    message: number,
  ): (TransportFault & { readonly id: string }) | null {
    if (this.healed || this.suppressed.has(id)) return null;
    const kind = this.draw(this.spec.transportRates, carrier, 0, '', message);
    if (kind === null) return null;
    const copies = 1 + Math.floor(hashUnit(this.seed, 'copies', message) * 5);
    const lateMs = Math.floor(hashUnit(this.seed, 'late', message) * 3 * this.leaseMs);
    return { id, kind, copies, lateMs };
  }

  private pauseFor(kind: StoreFaultKind, ms: number): number {
    return kind.startsWith('pause') ? Math.floor(this.leaseMs * 1.2 + ms) : ms;
  }

  private draw<K extends string>(
    rates: Readonly<Partial<Record<K, number>>>,
    ...place: [string, number, string, number]
  ): K | null {
    let left = hashUnit(this.seed, ...place);
    for (const kind of Object.keys(rates) as K[]) {
      left -= rates[kind] ?? 0;
      if (left < 0) return kind;
    }
    return null;
  }
}

/** What befalls one message of the transport. */
export interface TransportFault {
  readonly kind: TransportFaultKind;
  /** `duplicate`: how many more times it arrives. */
  readonly copies: number;
  /** `late`: by how much. */
  readonly lateMs: number;
}
