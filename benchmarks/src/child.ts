/** Processes of the benchmarks' own, which answer one request after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a child answers to a request: its result, or what went wrong. */
type Answer = { readonly result: unknown } | { readonly error: string };

/** A program of this folder that answers with `serve`. It ends when this process does. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exited = Promise.withResolvers<void>();
  #asked: PromiseWithResolvers<unknown> | undefined;

  /** @param settings for `readSettings` in the child */
  constructor(program: string, settings: object) {
    const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
    this.#process = fork(path, [JSON.stringify(settings)]);
    this.#process.on('message', (answer: Answer) => {
      if ('error' in answer) this.#asked?.reject(new Error(`a child failed: ${answer.error}`));
      else this.#asked?.resolve(answer.result);
    });
    this.#process.on('exit', (code, signal) => {
      this.#exited.resolve();
      this.#asked?.reject(new Error(`a child ended by itself with ${code ?? signal}`));
    });
  }

  /** Sends a request and waits for its answer. One at a time. */
  ask<T>(request: object): Promise<T> {
    this.#asked = Promise.withResolvers();
    this.#process.send(request);
    return this.#asked.promise as Promise<T>;
  }

  /** SIGKILL; resolves when it is dead, with the time in epoch milliseconds. */
  async kill(): Promise<number> {
    this.#process.kill('SIGKILL');
    await this.#exited.promise;
    return Date.now();
  }

  /** Lets go of a child that has nothing left to do. */
  async end(): Promise<void> {
    this.#process.disconnect();
    await this.#exited.promise;
  }
}

/** In the child: the settings that it was made with. */
export function readSettings<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** In the child: answers each request with what the function resolves to, until the parent is gone. */
export function serve<Request>(answer: (request: Request) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (request: Request) => {
    answer(request).then(
      (result) => process.send?.({ result: result ?? null }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}
