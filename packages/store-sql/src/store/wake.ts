/** T4, I12: whoever gives a run something to do puts a due row for it into the ready list. */
import type { RunStatus } from '@dudousxd/nestjs-durable-core';
import { change, firstOfEach, type Script } from '../sql/script.js';
import { BRING_READY } from '../statements/ready.js';
import { GET_HEAD, type RunHead } from '../statements/runs.js';
import type { Wake } from './mailboxes.js';
import { queueOf } from './rows.js';
import type { Woken } from './transition.js';

/** Makes runs due now. A blocked run is woken by `retry` alone, a terminal one by nothing. */
export function* wakeRuns(now: number, wakes: readonly Wake[]): Script<void> {
  const heads = yield* firstOfEach(
    GET_HEAD,
    wakes.map(({ runId }) => [runId]),
  );
  yield* wakeHeads(
    now,
    wakes.map(({ woken }, i) => ({ woken, head: heads[i] })),
  );
}

/** As `wakeRuns`, for runs that have been read; `undefined` = there is no such run. */
export function* wakeHeads(
  now: number,
  wakes: readonly { readonly head: RunHead | undefined; readonly woken: Woken }[],
): Script<void> {
  const heads: RunHead[] = [];
  for (const { head, woken } of wakes) {
    if (!head || !isWakeable(head.status)) continue;
    heads.push(head);
    woken.add(head.id);
  }
  // In one order, whoever wakes them: two that each held what the other wants would both fail.
  heads.sort((a, b) => (a.id < b.id ? -1 : 1));
  yield* change(
    BRING_READY,
    heads.map((head) => readyParams(head, now)),
  );
}

/** Whether a ready row means anything for a run in this status. */
export function isWakeable(status: RunStatus): boolean {
  return status === 'pending' || status === 'running' || status === 'suspended';
}

type Queued = Pick<RunHead, 'id' | 'namespace' | 'workflow' | 'version' | 'priority'>;

/** Parameters of `BRING_READY` and `SET_READY`. */
export function readyParams(run: Queued, wakeAt: number): readonly (string | number)[] {
  return [run.id, run.namespace, queueOf(run), run.priority, wakeAt];
}
