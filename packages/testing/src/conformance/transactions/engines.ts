import {
  createSystemRuntime,
  DurableEngine,
  type EngineOptions,
  type StateStore,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';

/** Engines of one test: stopped at its end. */
export class Engines {
  readonly #engines: DurableEngine[] = [];

  /** An engine that executes the one workflow `wf`. */
  async start(
    store: StateStore,
    run: (ctx: WorkflowCtx, input: never) => Promise<unknown>,
    options: Partial<EngineOptions> = {},
  ): Promise<DurableEngine> {
    const engine = new DurableEngine({
      store: withoutClose(store),
      worker: { maxPoll: 20 },
      retry: { initialDelay: 1 },
      runtime: quietRuntime,
      ...options,
    });
    engine.registerWorkflow({ name: 'wf', version: '1', run, source: 'wf' });
    await engine.start();
    this.#engines.push(engine);
    return engine;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.stop()));
  }
}

/** Tests kill and fail on purpose: the engine's warnings of it are no news. */
const silent = (): void => undefined;
const quietRuntime = createSystemRuntime({
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
});

/** An engine closes its store when it stops; here several engines share one. */
function withoutClose(store: StateStore): StateStore {
  return override(store, { close: async () => undefined });
}

/** A store whose calls go to `store`, but for the overridden ones. */
export function override(store: StateStore, overrides: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(target, key) {
      const source = Reflect.has(overrides, key) ? overrides : target;
      const value: unknown = Reflect.get(source, key);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

/** Kills an engine as a dying process would, and lets others have the run at once, as when the lease has passed. */
export async function crash(
  engine: DurableEngine,
  store: StateStore,
  runId: string,
): Promise<void> {
  engine.kill();
  const run = await store.getRun(runId);
  if (run?.worker) await store.releaseWorker(run.worker);
}

/** Polls until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
