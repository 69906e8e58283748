/**
 * What turns make of their runs' rows and wake-ups. Semantics.md 3: a turn removes or postpones the ready row of its run
 * only if nothing is waiting to be received; otherwise a due row stays. Senders put a message down and then a ready row:
 * a turn locks the row first and then looks for messages, and leaves a row alone that was not there to be locked.
 */
import type { RunChange } from '@dudousxd/nestjs-durable-core';
import { change, lockRows, type Script } from '../../sql/script.js';
import type { Params } from '../../sql/statement.js';
import { BRING_READY, DELETE_READY, LOCK_READY, SET_READY } from '../../statements/ready.js';
import { BLOCK_RUN, SUSPEND_RUN } from '../../statements/runs.js';
import { closeChildren, endRuns } from '../end-run.js';
import { haveArrivals } from '../receive.js';
import type { Transition } from '../transition.js';
import { readyParams, wakeHeads, wakeRuns } from '../wake.js';
import { closesChildren, type TurnPlan } from './turn-plan.js';

type ChangeTo<K extends RunChange['to']> = Extract<RunChange, { to: K }>;

interface Changing<K extends RunChange['to']> {
  readonly plan: TurnPlan;
  readonly change: ChangeTo<K>;
}

export function* applyChanges(tx: Transition, plans: readonly TurnPlan[]): Script<void> {
  const suspended: Changing<'suspended'>[] = [];
  const settled: Changing<'settled'>[] = [];
  const blocked: Changing<'blocked'>[] = [];
  const running: TurnPlan[] = [];
  for (const plan of plans) {
    const to = plan.turn.change;
    if (to === null) running.push(plan);
    else if (to.to === 'suspended') suspended.push({ plan, change: to });
    else if (to.to === 'settled') settled.push({ plan, change: to });
    else blocked.push({ plan, change: to });
  }
  yield* keepRunning(tx, running);
  yield* suspend(tx, suspended);
  yield* block(blocked);
  yield* settle(tx, settled);
}

/** The runs go on. A due row that called for what has been consumed by now is dropped. */
function* keepRunning(tx: Transition, plans: readonly TurnPlan[]): Script<void> {
  const consumers = plans.filter(
    ({ turn }) => turn.consumedInbox.length + turn.consumedSignals.length > 0,
  );
  const locked = yield* lockReady(consumers);
  const more = yield* haveArrivals(
    tx,
    consumers.map(({ run }) => run),
  );
  const idle = consumers.filter((_, i) => !more[i]);
  for (const { run, woken } of idle) woken.delete(run.id);
  yield* dropReady(idle.filter((plan) => locked.has(plan.run.id)));
}

function* suspend(tx: Transition, changes: readonly Changing<'suspended'>[]): Script<void> {
  yield* change(
    SUSPEND_RUN,
    changes.map(({ plan, change: { waitingFor } }) => [
      waitingFor.length === 0 ? null : JSON.stringify(waitingFor),
      plan.run.id,
    ]),
  );
  const locked = yield* lockReady(changes.map(({ plan }) => plan));
  const arrived = yield* haveArrivals(
    tx,
    changes.map(({ plan }) => plan.run),
  );
  const due = changes.filter((_, i) => arrived[i]);
  yield* wakeHeads(
    tx.now,
    due.map(({ plan: { run, woken } }) => ({ head: run, woken })),
  );
  const idle = changes.filter((_, i) => !arrived[i]);
  yield* leaveIdle(tx.now, idle, locked);
}

function* leaveIdle(
  now: number,
  idle: readonly Changing<'suspended'>[],
  locked: ReadonlySet<string>,
): Script<void> {
  const dropped: TurnPlan[] = [];
  const postponed: Params[] = [];
  const added: Params[] = [];
  for (const { plan, change: to } of idle) {
    const { run, woken } = plan;
    const isLocked = locked.has(run.id);
    if (to.wakeAt === null) {
      woken.delete(run.id);
      if (isLocked) dropped.push(plan);
      continue;
    }
    if (to.wakeAt <= now) woken.add(run.id);
    (isLocked ? postponed : added).push(readyParams(run, to.wakeAt));
  }
  yield* dropReady(dropped);
  yield* change(SET_READY, postponed);
  yield* change(BRING_READY, added);
}

/** Locks the ready rows of runs; says of which there is one. */
function* lockReady(plans: readonly TurnPlan[]): Script<ReadonlySet<string>> {
  const ids = plans.map(({ run }) => run.id).sort();
  const there = yield* lockRows(
    LOCK_READY,
    ids.map((id) => [id]),
  );
  return new Set(ids.filter((_, i) => there[i]));
}

function* block(changes: readonly Changing<'blocked'>[]): Script<void> {
  yield* change(
    BLOCK_RUN,
    changes.map(({ plan, change: { reason, error } }) => [reason, error, plan.run.id]),
  );
  for (const { plan } of changes) plan.woken.delete(plan.run.id);
  yield* dropReady(changes.map(({ plan }) => plan));
}

function* settle(tx: Transition, changes: readonly Changing<'settled'>[]): Script<void> {
  if (changes.length === 0) return;
  yield* endRuns(
    tx,
    changes.map(({ plan: { run, woken }, change: { outcome } }) => ({ run, outcome, woken })),
  );
  for (const { plan } of changes) {
    if (closesChildren(plan.turn)) yield* closeChildren(tx, plan.run, plan.woken);
  }
  yield* wakeRuns(tx.now, yield* tx.mailboxes.settle());
}

function* dropReady(plans: readonly TurnPlan[]): Script<void> {
  yield* change(
    DELETE_READY,
    plans.map(({ run }) => [run.id]),
  );
}
