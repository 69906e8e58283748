/** Asks any application, until one has answered: an unknown answer is asked for again with the same ids. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../program/random.js';
import type { AppProcess } from './app-process.js';

const ANSWER_TIMEOUT_MS = 5_000;
/** Requests at once: what is asked for again must not become the load that keeps everybody from answering. */
const MAX_REQUESTS = 48;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class Client {
  readonly #apps: readonly AppProcess[];
  readonly #random: Random;
  /** Answers by application. */
  readonly answers: number[];
  /** Requests that had no answer, or one that says to try again. */
  repeats = 0;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(apps: readonly AppProcess[], random: Random) {
    this.#apps = apps;
    this.#random = random;
    this.answers = apps.map(() => 0);
  }

  /** Resolves with the first answer that is one: a success, or a refusal that will not change. */
  async post(path: string, body: unknown): Promise<Answer> {
    if (this.#underWay >= MAX_REQUESTS) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#underWay += 1;
    try {
      return await this.#postUntilAnswered(path, body);
    } finally {
      this.#underWay -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #postUntilAnswered(path: string, body: unknown): Promise<Answer> {
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const app = this.#random.pick(this.#apps);
      const answer = app.url === undefined ? undefined : await ask(`${app.url}/${path}`, body);
      if (answer && answer.status < 500) {
        this.answers[app.index] = (this.answers[app.index] ?? 0) + 1;
        return answer;
      }
      this.repeats += 1;
      await delay(pauseMs);
    }
  }
}

/** Undefined = unknown. */
async function ask(url: string, body: unknown): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json() };
  } catch {
    // The process is dead, paused or cut off: whether it has done what it was asked for is not known.
    return undefined;
  }
}
