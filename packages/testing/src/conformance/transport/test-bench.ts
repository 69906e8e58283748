import {
  type Codec,
  createCodec,
  createSystemRuntime,
  type RemoteTask,
  type StepContext,
  type StepHandler,
} from '@dudousxd/nestjs-durable-core';
import { onTestFinished } from 'vitest';
import type { TransportEnds, TransportFixture } from './fixture.js';
import { RecordingSink } from './recording-sink.js';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The machine's own time: transports to other processes know no other. */
const runtime = createSystemRuntime(silent);

const NAMESPACE = 'conformance';

/** One transport under test, with handlers that a test scripts. */
export class TestBench {
  readonly codec: Codec = createCodec();
  readonly sink = new RecordingSink(this.codec);
  readonly ends: TransportEnds;
  #tasks = 0;

  private constructor(ends: TransportEnds) {
    this.ends = ends;
  }

  /** Opens the fixture for the running test, binds a recording sink, and serves these handlers by their names. */
  static async open(
    fixture: TransportFixture,
    handlers: Readonly<Record<string, StepHandler['invoke']>>,
  ): Promise<TestBench> {
    const bench = new TestBench(await fixture.open());
    const { engine, worker } = bench.ends;
    onTestFinished(() => bench.#dispose());
    const host = { codec: bench.codec, runtime, namespace: NAMESPACE };
    await engine.bind(bench.sink, host);
    const list = Object.entries(handlers).map(([name, invoke]) => ({ name, invoke }));
    await worker.serve(list, 'worker-1', host);
    return bench;
  }

  /** A first attempt, with an id and a token of its own. */
  task(step: string, input?: unknown, parts: Partial<RemoteTask> = {}): RemoteTask {
    this.#tasks += 1;
    const id = `task-${this.#tasks}`;
    return {
      id,
      namespace: NAMESPACE,
      runId: `run-${this.#tasks}`,
      branch: 0,
      position: 1,
      attempt: 1,
      step,
      token: `token-${this.#tasks}`,
      input: this.codec.encode(input),
      idempotencyKey: `conformance:run-${this.#tasks}:0:1`,
      timeoutMs: null,
      heartbeatTimeoutMs: null,
      priority: 0,
      progress: null,
      ...parts,
    };
  }

  /** Dispatches one task that is expected to be taken, and gives its token. */
  async send(step: string, input?: unknown, parts?: Partial<RemoteTask>): Promise<string> {
    const task = this.task(step, input, parts);
    const [outcome] = await this.ends.engine.dispatch([task]);
    if (outcome !== 'dispatched') throw new Error(`step '${step}' was not taken: ${outcome}`);
    return task.token;
  }

  /** Dispatches tasks of their own until nobody serves the step any more: the news may take a moment to arrive. */
  async untilUnserved(step: string): Promise<void> {
    for (;;) {
      const [outcome] = await this.ends.engine.dispatch([this.task(step)]);
      if (outcome === 'unserved') return;
    }
  }

  async close(timeoutMs = 0): Promise<void> {
    const { engine, worker } = this.ends;
    await worker.close(timeoutMs);
    if (engine !== worker) await engine.close(timeoutMs);
  }

  async #dispose(): Promise<void> {
    await this.close();
    await this.ends.dispose();
  }
}

/** A handler that says when it runs, and ends when the test says so. */
export class HeldHandler {
  readonly calls: StepContext[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  readonly #ends: ((end: () => unknown) => void)[] = [];

  readonly invoke: StepHandler['invoke'] = (_input, step) => {
    this.calls.push(step);
    for (const { count, resolve } of this.#waiting) if (this.calls.length >= count) resolve();
    return new Promise((resolve, reject) => {
      this.#ends.push((end) => {
        try {
          resolve(end());
        } catch (error) {
          reject(error);
        }
      });
    });
  };

  /** Resolves with the context of the n-th call, from 1. */
  async call(count = 1): Promise<StepContext> {
    await new Promise<void>((resolve) => {
      this.#waiting.push({ count, resolve });
      if (this.calls.length >= count) resolve();
    });
    const step = this.calls[count - 1];
    if (step === undefined) throw new Error(`there is no call ${count}`);
    return step;
  }

  /** Ends the n-th call with what `end` returns or throws. */
  finish(end: () => unknown, count = 1): void {
    this.#ends[count - 1]?.(end);
  }
}

/** Resolves when the signal has fired, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}
