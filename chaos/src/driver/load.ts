/** Starts random programs at a rate, sends what they wait for, and cancels some. */
import { setTimeout as delay } from 'node:timers/promises';
import { generateProgram } from '../program/generate.js';
import { type Program, payloadOf, type Site, waitsOf } from '../program/program.js';
import type { Random } from '../program/random.js';
import type { Client } from './client.js';

export interface LoadOptions {
  readonly runsPerSecond: number;
  readonly cancelsPerMinute: number;
  /** At least; it goes on until the faults are over. */
  readonly durationMs: number;
  /** Runs that have to be acknowledged before it ends. */
  readonly leastRuns: number;
  /** Where remote steps are served. @default none: all steps are local */
  readonly sites?: readonly Site[];
}

/** A run that an application has acknowledged. */
export interface StartedRun {
  readonly runId: string;
  readonly program: Program;
  /** Whether somebody has asked to cancel it. */
  isCancelled: boolean;
}

/** A payload that an application has acknowledged. */
export interface SentSignal {
  readonly token: string;
  readonly id: string;
}

const TICK_MS = 100;
const LATEST_SIGNAL_MS = 3_000;
/** Starts that wait for their answers: above it there are no new ones. */
const MAX_UNANSWERED = 60;

export class Load {
  readonly started: StartedRun[] = [];
  readonly sent: SentSignal[] = [];
  /** Answers that there should not be. */
  readonly refused: string[] = [];
  endedAt = 0;
  readonly #options: LoadOptions;
  readonly #client: Client;
  readonly #random: Random;
  /** Tokens that some run waits for and nobody sends to. */
  readonly #unsent: string[] = [];
  readonly #pending = new Set<Promise<void>>();
  #count = 0;
  #unanswered = 0;

  constructor(options: LoadOptions, client: Client, random: Random) {
    this.#options = options;
    this.#client = client;
    this.#random = random;
  }

  /** Resolves when the last start, signal and cancel is acknowledged. @param faults resolves when they are over */
  async run(faults: Promise<void>): Promise<void> {
    const { durationMs, runsPerSecond, leastRuns } = this.#options;
    const startedAt = performance.now();
    let areFaultsOver = false;
    void faults.then(() => {
      areFaultsOver = true;
    });
    const isOver = () =>
      performance.now() - startedAt >= durationMs &&
      areFaultsOver &&
      this.started.length >= leastRuns;
    const perTick = (runsPerSecond * TICK_MS) / 1_000;
    for (let due = 1; !isOver(); due = Math.min(due + perTick, perTick + 1)) {
      while (due >= 1 && this.#unanswered < MAX_UNANSWERED) {
        due -= 1;
        this.#track(this.#startRandom());
      }
      await delay(TICK_MS);
    }
    this.endedAt = Date.now();
    for (const token of this.#unsent.splice(0)) this.#track(this.#send(token, 1));
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** A program that is not random. */
  async start(runId: string, program: Program): Promise<void> {
    const { status, body } = await this.#client.post(`runs/${runId}`, program);
    if (status !== 201) this.refused.push(`start of ${runId}: ${status} ${JSON.stringify(body)}`);
    else this.started.push({ runId, program, isCancelled: false });
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }

  async #startRandom(): Promise<void> {
    this.#count += 1;
    const runId = `r${this.#count}`;
    const { cancelsPerMinute, runsPerSecond, sites = [] } = this.#options;
    const cancellable = this.#random.chance(cancelsPerMinute / 60 / runsPerSecond);
    const takeToken = () => this.#unsent.shift();
    const program = generateProgram(this.#random, { runId, cancellable, sites, takeToken });
    for (const { token, count } of waitsOf(program.operations)) {
      // What a cancelled run waits for may come or not; and one payload of a run's comes from another run now and then.
      if (count === 1 && this.#random.chance(0.4)) this.#unsent.push(token);
      else this.#track(this.#sendLater(token, count));
    }
    const cancelDelayMs = this.#random.between(0, 2_000);
    this.#unanswered += 1;
    await this.start(runId, program);
    this.#unanswered -= 1;
    if (!cancellable) return;
    await delay(cancelDelayMs);
    await this.#cancel(runId);
  }

  async #cancel(runId: string): Promise<void> {
    const run = this.started.find((started) => started.runId === runId);
    if (run) run.isCancelled = true;
    const { status, body } = await this.#client.post(`runs/${runId}/cancel`, {});
    // 409: it had ended.
    if (status !== 200 && status !== 409) {
      this.refused.push(`cancel of ${runId}: ${status} ${JSON.stringify(body)}`);
    }
  }

  async #sendLater(token: string, count: number): Promise<void> {
    await delay(this.#random.between(0, LATEST_SIGNAL_MS));
    await this.#send(token, count);
  }

  /** One after the other: the order in which they are acknowledged is the order in which they have to arrive. */
  async #send(token: string, count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const { id, payload } = payloadOf(token, index);
      const { status, body } = await this.#client.post('signals', { token, id, payload });
      if (status === 200) this.sent.push({ token, id });
      else this.refused.push(`signal ${id}: ${status} ${JSON.stringify(body)}`);
    }
  }
}
