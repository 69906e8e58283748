import type { Runtime } from '../runtime/runtime.js';
import { SUSPECT_FROM, SuspectSlot } from './suspect-slot.js';
import { startTimer } from './watchdog.js';

/** How often those who wait look whether the slot is free. */
const PACE_MS = 250;

function nothing(): void {}

/** Attempts that have lost workers before begin one after the other. */
export class SuspectQueue {
  private readonly runtime: Runtime;
  private readonly slot: SuspectSlot;
  private entered = 0;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.slot = new SuspectSlot(runtime.clock);
  }

  /** Resolves when an attempt that has lost so many may begin; to what has to be called when it has ended. */
  async admit(crashes: number): Promise<() => void> {
    if (crashes < SUSPECT_FROM) return nothing;
    this.entered += 1;
    const key = `${this.entered}`;
    while (!this.slot.enter(key)) {
      await new Promise<void>((resolve) => {
        startTimer(this.runtime, PACE_MS, resolve);
      });
    }
    return () => this.slot.leave(key);
  }
}
