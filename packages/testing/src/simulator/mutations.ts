/** Known bugs, put into the store on purpose: the simulator has to find each of them. */
import type {
  ClaimResult,
  CommitResult,
  DeliverResult,
  StateStore,
  Turn,
} from '@dudousxd/nestjs-durable-core';

export type StoreMutation = (store: StateStore, now: () => number) => StateStore;

/** `store` with some methods replaced. */
function override(store: StateStore, methods: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get: (target, key) => {
      const own: unknown = Reflect.get(methods, key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A turn commits whoever owns the run by now, and at whichever epoch. */
export const dropEpochCheck: StoreMutation = (store) =>
  override(store, {
    commit: async (turns) => {
      const results: CommitResult[] = [];
      for (const turn of turns) {
        const run = await store.getRun(turn.runId);
        const owner = run?.worker == null ? {} : { worker: run.worker, epoch: run.epoch };
        results.push(...(await store.commit([{ ...turn, ...owner }])));
      }
      return results;
    },
  });

/** The mailbox is looked into before the wait is recorded: what lies there already wakes nobody. */
export const lookBeforeRecordingWait: StoreMutation = (store, now) =>
  hidingWakes(store, now, (turn) => turn.waits.length > 0);

/** Suspending removes the wake of whatever came after the turn's last look. */
export const suspendHidesWake: StoreMutation = (store, now) =>
  hidingWakes(store, now, (turn) => turn.change?.to === 'suspended');

interface Hidden {
  /** When a timer of the run makes it visible again. */
  readonly until: number;
}

/** Hides the wakes that turns leave for their own runs, until somebody else wakes the run. */
function hidingWakes(
  store: StateStore,
  now: () => number,
  loses: (turn: Turn) => boolean,
): StateStore {
  const hidden = new Map<string, Hidden>();
  const seen = <T extends CommitResult | DeliverResult>(results: readonly T[]): readonly T[] => {
    for (const { woken } of results) for (const runId of woken) hidden.delete(runId);
    return results;
  };
  return override(store, {
    signal: async (messages) => seen(await store.signal(messages)),
    deliver: async (messages) => seen(await store.deliver(messages)),
    completeTasks: async (results) => seen(await store.completeTasks(results)),
    commit: async (turns) => {
      const results: CommitResult[] = [];
      for (const turn of turns) {
        const [result] = seen(await store.commit([turn]));
        if (result === undefined) continue;
        const lost =
          result.outcome === 'committed' && loses(turn) && result.woken.includes(turn.runId);
        if (lost) hidden.set(turn.runId, { until: wakeAtOf(turn) });
        results.push(
          lost ? { ...result, woken: result.woken.filter((id) => id !== turn.runId) } : result,
        );
      }
      return results;
    },
    claim: async (request) => {
      for (const [runId, { until }] of hidden) if (until <= now()) hidden.delete(runId);
      return withoutHidden(store, hidden, await store.claim(request));
    },
  });
}

function wakeAtOf({ change }: Turn): number {
  return change?.to === 'suspended'
    ? (change.wakeAt ?? Number.POSITIVE_INFINITY)
    : Number.POSITIVE_INFINITY;
}

async function withoutHidden(
  store: StateStore,
  hidden: ReadonlyMap<string, Hidden>,
  result: ClaimResult,
): Promise<ClaimResult> {
  for (const { run } of result.claimed) {
    if (hidden.has(run.id) && run.worker !== null)
      await store.releaseRun(run.id, run.worker, run.epoch);
  }
  return {
    ...result,
    claimed: result.claimed.filter(({ run }) => !hidden.has(run.id)),
    wakes: result.wakes.filter((runId) => !hidden.has(runId)),
  };
}
