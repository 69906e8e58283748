/**
 * Tells the other processes of the namespace that there is work which this one cannot take.
 *
 * H1. Off the write path, and at most one call to the store per `INTERVAL_MS`, however much is due.
 * H2. A hint is sent after what it is about has committed, and nothing is sent after `stop`.
 * H3. Nothing depends on it: a hint that fails is forgotten, and the others' polls find the work.
 */
import { inRootContext } from '../runtime/root-context.js';
import type { Runtime, TimerHandle } from '../runtime/runtime.js';
import type { StateStore } from '../store/state-store.js';

export interface HintSenderOptions {
  readonly store: StateStore;
  readonly runtime: Runtime;
  readonly namespace: string;
}

const INTERVAL_MS = 20;

export class HintSender {
  private readonly options: HintSenderOptions;
  private isDue = false;
  private inFlight: Promise<void> | null = null;
  private timer: TimerHandle | null = null;
  private notBefore = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(options: HintSenderOptions) {
    this.options = options;
  }

  /** Something is due that this process does not take: at once, or with the next hint. */
  send(): void {
    if (this.stopped || !this.options.store.capabilities.hints) return;
    this.isDue = true;
    this.arm();
  }

  /** Sends what is due now; resolves when nothing is under way. */
  async flush(): Promise<void> {
    await this.inFlight;
    if (this.isDue) this.sendNow();
    await this.inFlight;
  }

  stop(): void {
    this.stopped = true;
    this.isDue = false;
    this.clearTimer();
  }

  private arm(): void {
    if (this.timer !== null || this.inFlight !== null) return;
    const { clock, scheduler } = this.options.runtime;
    const delayMs = Math.max(0, this.notBefore - clock.monotonic());
    this.timer = inRootContext(() => scheduler.setTimer(() => this.sendNow(), delayMs));
  }

  private sendNow(): void {
    this.clearTimer();
    if (this.stopped) return;
    this.isDue = false;
    this.notBefore = this.options.runtime.clock.monotonic() + INTERVAL_MS;
    this.inFlight = this.hint().then(() => {
      this.inFlight = null;
      if (this.isDue) this.arm();
    });
  }

  private async hint(): Promise<void> {
    const { store, runtime, namespace } = this.options;
    try {
      await store.hint(namespace);
    } catch (error) {
      runtime.logger.debug('A hint to the other processes was lost; their polls find the work.', {
        error,
      });
    }
  }

  private clearTimer(): void {
    if (this.timer !== null) this.options.runtime.scheduler.clearTimer(this.timer);
    this.timer = null;
  }
}
