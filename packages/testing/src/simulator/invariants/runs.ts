/** What the runs must look like: when nothing moves any more (I2, I12, I15, I17), and at the end (I3, I10). */
import { isTerminal, type RunRecord } from '@dudousxd/nestjs-durable-core';
import type { World } from '../world.js';

/** When nothing moves: whoever still waits does so for a reason, and whoever had to be told has been told. */
export function checkAtRest(world: World): void {
  const { violations, observer, driver } = world;
  for (const run of observer.runs.values()) {
    violations.check(
      run.status !== 'blocked',
      'I2',
      () => `run ${run.id} is blocked: ${run.reason}`,
    );
    if (isTerminal(run.status) || run.status === 'blocked') continue;
    const waits = run.status === 'suspended' && run.waitingFor.length > 0;
    violations.check(waits, 'I12', () => `run ${run.id} is ${run.status} and waits for nothing`);
    const cancelled = driver.told.cancels.has(run.id) && run.branch === 0;
    violations.check(
      !cancelled || hasCancel(world, run),
      'I15',
      () => `the acknowledged cancel of run ${run.id} is lost`,
    );
    checkParent(world, run);
  }
}

/** A child goes with its parent, as its close policy says. */
function checkParent(world: World, child: RunRecord): void {
  const { violations, observer } = world;
  const { parent } = child;
  const ended = parent === null ? undefined : observer.runs.get(parent.runId);
  if (parent === null || ended === undefined || !isTerminal(ended.status)) return;
  if (parent.closePolicy === 'abandon' || ended.branch !== parent.branch || ended.branch > 0)
    return;
  const told = parent.closePolicy === 'cancel' && hasCancel(world, child);
  violations.check(
    told,
    'I17',
    () =>
      `${parent.runId} is ${ended.status}, its child ${child.id} (${parent.closePolicy}) goes on`,
  );
}

function hasCancel({ observer }: World, { id, branch }: RunRecord): boolean {
  return observer.book(id, branch).events.some((event) => event.kind === 'cancel');
}

/** The client was told the truth. */
export function checkAnswers(world: World): void {
  const { violations, observer, driver } = world;
  for (const [runId, created] of driver.told.starts) {
    const run = observer.runs.get(runId);
    violations.check(
      run !== undefined,
      'I3',
      () => `the start of ${runId} was acknowledged and there is no such run`,
    );
    violations.check(created <= 1, 'I3', () => `run ${runId} was created ${created} times`);
    const input =
      run === undefined ||
      JSON.stringify(JSON.parse(run.input)) === JSON.stringify({ program: runId });
    violations.check(input, 'I3', () => `run ${runId} has the input ${run?.input}`);
    const early =
      (driver.told.startAts.get(runId) ?? 0) - (run?.startedAt ?? Number.POSITIVE_INFINITY);
    violations.check(early <= 0, 'I8', () => `run ${runId} began ${early} ms before its time`);
  }
  for (const [runId, status] of driver.told.waits) {
    const run = observer.runs.get(runId);
    const same = run?.status === status || (run?.branch ?? 0) > 0;
    violations.check(
      same,
      'I10',
      () => `waitForRun(${runId}) said ${status}; the run is ${run?.status}`,
    );
  }
  for (const runId of driver.told.terminations.keys()) {
    const run = observer.runs.get(runId);
    const ended = run !== undefined && (isTerminal(run.status) || run.branch > 0);
    violations.check(
      ended,
      'API',
      () => `terminate(${runId}) was acknowledged; the run is ${run?.status}`,
    );
  }
}
