import { StepLosses } from './step-losses.js';

/** Why a run's code cannot be reached. */
interface Loss {
  readonly reason: Error;
  /** There is nobody else who has it. */
  readonly unserved: boolean;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/** What a run knows of the losses of its code, where that is elsewhere. */
export class CodeLoss {
  readonly steps = new StepLosses();
  private present: Loss | null = null;
  private inARow = 0;

  /** From the moment that the code is lost until other code is looked for. */
  get loss(): Loss | null {
    return this.present;
  }

  note(loss: Loss): void {
    this.present = loss;
  }

  /** A turn has become durable: that is progress. */
  progressed(): void {
    this.inARow = 0;
  }

  /** Other code is looked for now, or is there. */
  clear(): void {
    this.present = null;
  }

  /** How long the run waits before it looks again, after so many losses without a turn. */
  nextPauseMs(): number {
    const pauseMs = this.inARow === 0 ? 0 : FIRST_PAUSE_MS * 2 ** (this.inARow - 1);
    this.inARow += 1;
    return Math.min(MAX_PAUSE_MS, pauseMs);
  }
}
