import type { LineLostError } from '../transport/remote-workflows.js';

/** Which attempt of which step. */
export interface StepAttempt {
  readonly position: number;
  readonly attempt: number;
}

/** How many workers the attempts of one run have lost, of steps that run where the run's code is. */
export class StepLosses {
  private readonly losses = new Map<string, number>();

  /** A worker that said goodbye has not been killed by anybody. */
  note({ crashed }: LineLostError, step: StepAttempt): void {
    if (crashed) this.losses.set(keyOf(step), this.of(step) + 1);
  }

  of(step: StepAttempt): number {
    return this.losses.get(keyOf(step)) ?? 0;
  }
}

function keyOf({ position, attempt }: StepAttempt): string {
  return `${position}:${attempt}`;
}
