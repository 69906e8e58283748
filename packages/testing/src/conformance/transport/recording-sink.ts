import type {
  Codec,
  TaskHeartbeat,
  TaskResult,
  TransportSink,
} from '@dudousxd/nestjs-durable-core';

interface Waiter {
  readonly isMet: () => boolean;
  readonly resolve: () => void;
}

/** The engine's end in a test: keeps what arrives, and lets a test wait for it. */
export class RecordingSink implements TransportSink {
  readonly results: TaskResult[] = [];
  readonly beats: TaskHeartbeat[] = [];
  /** How many of the next results are refused, as by a database that is away. */
  refusals = 0;
  readonly #codec: Codec;
  #waiters: Waiter[] = [];

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  async result(result: TaskResult): Promise<void> {
    if (this.refusals > 0) {
      this.refusals -= 1;
      throw new Error('the database is away');
    }
    this.results.push(result);
    this.#check();
  }

  heartbeat(beat: TaskHeartbeat): void {
    this.beats.push(beat);
    this.#check();
  }

  /** Resolves when the condition holds; it is looked at whenever something arrives. */
  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ isMet, resolve });
      this.#check();
    });
  }

  /** The first result of an attempt. */
  async resultOf(token: string): Promise<TaskResult['result']> {
    await this.until(() => this.results.some((result) => result.token === token));
    const found = this.results.find((result) => result.token === token);
    if (found === undefined) throw new Error(`no result of ${token}`);
    return found.result;
  }

  /** Output of an attempt that has succeeded. */
  async outputOf(token: string): Promise<unknown> {
    const { ok, payload } = await this.resultOf(token);
    if (!ok)
      throw new Error(`attempt ${token} failed`, { cause: this.#codec.decodeError(payload) });
    return this.#codec.decode(payload);
  }

  /** What an attempt that has failed threw. */
  async errorOf(token: string): Promise<unknown> {
    const { ok, payload } = await this.resultOf(token);
    if (ok) throw new Error(`attempt ${token} succeeded with ${payload}`);
    return this.#codec.decodeError(payload);
  }

  #check(): void {
    const met = this.#waiters.filter(({ isMet }) => isMet());
    this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
    for (const { resolve } of met) resolve();
  }
}
