/** Tells the demo where the application listens. */
interface Listening {
  readonly kind: 'listening';
  readonly url: string;
}

/** Tells the demo that the body it asked to hold has begun, and will not end. */
interface Held {
  readonly kind: 'held';
}

export type AppMessage = Listening | Held;

/** Sends a message to the demo that started this process. */
export function tellDemo(message: AppMessage): void {
  process.send?.(message);
}

/** What the demo passes to the application, as environment variables. */
export interface AppEnvironment {
  readonly DATABASE_FILE: string;
  readonly LEASE: string;
  readonly DEMO_LEDGER: string;
  /** `step order`: this body begins and does not end. Empty for none. */
  readonly DEMO_HOLD: string;
}
