/** What operators do to runs. Each answers with the run as it is afterwards. */
import {
  type Checkpoint,
  isTerminal,
  type RetryRequest,
  type TerminateRequest,
  type VerbOutcome,
} from '@dudousxd/nestjs-durable-core';
import { change, first, rows, type Script } from '../sql/script.js';
import { DELETE_HISTORY, INSERT_HISTORY } from '../statements/history.js';
import {
  ANY_BRANCH,
  CHECKPOINTS,
  DELETE_BRANCH_INBOX,
  DELETE_INBOX,
  MOVE_MESSAGE,
} from '../statements/inbox.js';
import { DELETE_READY } from '../statements/ready.js';
import { DELETE_RUN, GET_RUN, LOCK_HEAD, REVIVE_RUN, type RunHead } from '../statements/runs.js';
import { WAITS_OF_RUN } from '../statements/signals.js';
import { DELETE_TASKS } from '../statements/tasks.js';
import { closeWaits, terminateRun } from './end-run.js';
import { lockTokens } from './mailboxes.js';
import { historyParams, toRunRecord } from './rows.js';
import { begin, type Transition, type Woken } from './transition.js';
import { wakeRuns } from './wake.js';

/** Ends a run as `cancelled` from outside. */
export function* terminate({ runId, reason, onlyIf }: TerminateRequest): Script<VerbOutcome> {
  const tx = yield* begin();
  const run = yield* lockWithWaits(runId);
  if (!run) return { outcome: 'unknown' };
  const isAllowed = onlyIf === 'pending' ? isUntouched(run) : !isTerminal(run.status);
  if (!isAllowed) return yield* refuse(runId);
  const woken: Woken = new Set();
  yield* terminateRun(tx, { run, reason, woken });
  yield* wakeRuns(tx.now, yield* tx.mailboxes.settle());
  return yield* done(runId, woken);
}

/** Tokens come before runs in the order of locks (semantics.md 5). */
function* lockWithWaits(runId: string): Script<RunHead | undefined> {
  yield* lockTokens(yield* rows(WAITS_OF_RUN, [runId]));
  return yield* first(LOCK_HEAD, [runId]);
}

function isUntouched({ status, epoch, worker }: RunHead): boolean {
  return status === 'pending' && epoch === 0 && worker === null;
}

/** Puts a failed or blocked run back to work: on a new branch with the given history, or a blocked one where it was. */
export function* retry(request: RetryRequest): Script<VerbOutcome> {
  const { runId, branch, epoch, events } = request;
  const tx = yield* begin();
  const run = yield* lockWithWaits(runId);
  if (!run) return { outcome: 'unknown' };
  const isRetryable = run.status === 'blocked' || (run.status === 'failed' && events !== null);
  if (!isRetryable || run.branch !== branch || run.epoch !== epoch) return yield* refuse(runId);
  const woken: Woken = new Set();
  const next = events === null ? branch : branch + 1;
  yield* change(REVIVE_RUN, [[next, runId]]);
  if (events !== null) {
    yield* takeCheckpoints(run, next, request.checkpointsBefore ?? 0);
    yield* leaveBranch(tx, run, woken);
    yield* change(
      INSERT_HISTORY,
      events.map((event) => historyParams(runId, next, event)),
    );
  }
  yield* wakeRuns(tx.now, [{ runId, woken }, ...(yield* tx.mailboxes.settle())]);
  return yield* done(runId, woken);
}

/** What was asked for on a branch means nothing to the next one. */
function* leaveBranch(tx: Transition, run: RunHead, woken: Woken): Script<void> {
  yield* closeWaits(tx, [{ run, woken }]);
  yield* change(DELETE_TASKS, [[run.id]]);
  const next = run.branch + 1;
  // A run that had ended was told nothing: what a sender has put there meanwhile is as old as the end.
  const kept = isTerminal(run.status) ? next : ANY_BRANCH;
  yield* change(DELETE_BRANCH_INBOX, [[run.id, next, kept]]);
}

/** Transactions that have committed and that the next branch asks for again must be found there. */
function* takeCheckpoints({ id, branch }: RunHead, next: number, before: number): Script<void> {
  const found = yield* rows(CHECKPOINTS, [id, branch]);
  const kept = found.filter(({ body }) => (JSON.parse(body) as Checkpoint).cause < before);
  yield* change(
    MOVE_MESSAGE,
    kept.map((message) => [next, message.id]),
  );
}

/** Deletes a terminal run with all that it left. Its children stay. */
export function* deleteRun(runId: string): Script<VerbOutcome> {
  const run = yield* first(LOCK_HEAD, [runId]);
  if (!run) return { outcome: 'unknown' };
  if (!isTerminal(run.status)) return yield* refuse(runId);
  const answer = yield* done(runId, new Set());
  const statements = [DELETE_RUN, DELETE_HISTORY, DELETE_READY, DELETE_INBOX, DELETE_TASKS];
  for (const statement of statements) yield* change(statement, [[runId]]);
  return answer;
}

function* refuse(runId: string): Script<VerbOutcome> {
  const row = yield* first(GET_RUN, [runId]);
  return row ? { outcome: 'refused', run: toRunRecord(row) } : { outcome: 'unknown' };
}

function* done(runId: string, woken: Woken): Script<VerbOutcome> {
  const row = yield* first(GET_RUN, [runId]);
  if (!row) return { outcome: 'unknown' };
  return { outcome: 'done', run: toRunRecord(row), woken: [...woken] };
}
