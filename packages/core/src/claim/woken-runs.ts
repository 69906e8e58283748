/**
 * Runs that this process has woken, until its claims have taken them. What a claim that began after the wake has not
 * brought is for other processes: owned by one of them, of a workflow that is not served here, or more than fits.
 */
export class WokenRuns {
  private readonly onLeft: () => void;
  private fresh = new Set<string>();
  /** Woken before the claim that is under way was sent. */
  private asked = new Set<string>();

  /** @param onLeft there are runs that this process does not take */
  constructor(onLeft: () => void) {
    this.onLeft = onLeft;
  }

  add(runIds: Iterable<string>): void {
    for (const runId of runIds) this.fresh.add(runId);
  }

  /** A claim is about to be sent. */
  claiming(): void {
    for (const runId of this.fresh) this.asked.add(runId);
    this.fresh = new Set();
  }

  /** This process has the runs. */
  taken(runIds: Iterable<string>): void {
    for (const runId of runIds) {
      this.asked.delete(runId);
      this.fresh.delete(runId);
    }
  }

  /** The claim has been answered, and the next one may not bring more of what was asked for. */
  claimed(): void {
    if (this.asked.size === 0) return;
    this.asked = new Set();
    this.onLeft();
  }

  /** This process claims nothing more. */
  leaveAll(): void {
    this.claiming();
    this.claimed();
  }
}
