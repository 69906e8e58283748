/** Notes in the ledger under which worker id the process goes, and which of its turns are refused. */
import type { HeartbeatRequest, StateStore, Turn } from '@dudousxd/nestjs-durable-core';
import type { Ledger } from './ledger.js';

export function watchStore(store: StateStore, ledger: Ledger): StateStore {
  let worker: string | undefined;
  const watched: Partial<StateStore> = {
    async commit(turns: readonly Turn[]) {
      const results = await store.commit(turns);
      const fenced = turns.filter((_, i) => results[i]?.outcome === 'fenced');
      const runs = fenced.map(({ runId }) => runId);
      if (runs.length > 0) ledger.append({ what: 'fenced', runs });
      return results;
    },
    heartbeat(request: HeartbeatRequest) {
      if (worker !== request.worker) {
        worker = request.worker;
        ledger.append({ what: 'worker', worker });
      }
      return store.heartbeat(request);
    },
  };
  return new Proxy(store, {
    get(target, key) {
      const own = watched[key as keyof StateStore];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
