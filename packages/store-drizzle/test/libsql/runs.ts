import type { NewRun, RunRecord, StateStore } from '@dudousxd/nestjs-durable-core';

export const newRun: NewRun = {
  ...{ id: 'r1', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: 'd', seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

/** Makes the schema, and the run in the hands of the worker `w`. */
export async function claimed(store: StateStore): Promise<RunRecord> {
  await store.migrate();
  await store.heartbeat({ worker: 'w', namespace: 'default', leaseMs: 60_000, serves: ['order'] });
  const [created] = await store.createRuns({ runs: [newRun], claim: 'w' });
  if (!created || !('run' in created)) throw new Error('the run was not created');
  return created.run;
}

/** A `ctx.transaction` of that run. */
export function transact<Tx>(store: StateStore, run: RunRecord, work: (tx: Tx) => Promise<string>) {
  const { id: runId, branch, epoch } = run;
  const request = { runId, branch, epoch, worker: 'w', position: 1, name: 'pay', cause: 0 };
  return store.transaction(
    { ...request, attempt: 1 },
    {
      ...{ startedAt: 0, now: Date.now, work: (tx: unknown) => work(tx as Tx) },
      ...{ mayCommit: () => true, isAbandoned: () => false },
    },
  );
}
