/** Broken invariants of one simulated world. */

/** An invariant of docs reliability, or one of the simulator's own rules about processes. */
export type InvariantId =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I12'
  | 'I14'
  | 'I15'
  | 'I17'
  /** No unhandled rejection, no timer or store call of a dead process, no unexplained error. */
  | 'I20'
  /** A retry policy, a status or a client's answer is not what was promised. */
  | 'API';

export interface Violation {
  readonly invariant: InvariantId;
  readonly message: string;
  readonly step: number;
  readonly at: number;
}

/** Collects violations; the first one stops the world. */
export class Violations {
  readonly all: Violation[] = [];
  private readonly where: () => { readonly step: number; readonly at: number };

  constructor(where: () => { readonly step: number; readonly at: number }) {
    this.where = where;
  }

  get found(): boolean {
    return this.all.length > 0;
  }

  add(invariant: InvariantId, message: string): void {
    this.all.push({ invariant, message, ...this.where() });
  }

  /** Adds a violation unless `holds`. */
  check(holds: boolean, invariant: InvariantId, message: () => string): void {
    if (!holds) this.add(invariant, message());
  }
}
