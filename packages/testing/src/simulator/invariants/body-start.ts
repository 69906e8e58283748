/** What must hold when a step's body begins (I8, I9, I15, and the order of attempts). */
import type { HistoryEvent } from '@dudousxd/nestjs-durable-core';
import type { BodyRecord } from '../ledger.js';
import type { BranchBook } from '../observer.js';
import type { World } from '../world.js';

/** The operation that an idempotency key names. */
interface OperationKey {
  readonly branch: number;
  readonly position: number;
}

/** Reads `namespace:run:branch:position`. */
function parseIdempotencyKey(key: string): OperationKey {
  const [position, branch] = key.split(':').reverse();
  return { branch: Number(branch), position: Number(position) };
}

/** Only the owner of a run can be blamed: a process that has lost it may not know yet. */
export function checkBodyStart(world: World, body: BodyRecord): void {
  const { violations, observer } = world;
  const { branch, position } = parseIdempotencyKey(body.idempotencyKey);
  const what = `the body of ${body.runId}/${position} attempt ${body.attempt}`;
  const known = Number.isInteger(branch) && Number.isInteger(position);
  violations.check(known, 'API', () => `${what} has the idempotency key ${body.idempotencyKey}`);
  const run = observer.runs.get(body.runId);
  if (
    body.remote ||
    !known ||
    run?.branch !== branch ||
    world.ownerOf(body.runId) !== body.instance
  )
    return;
  const book = observer.book(body.runId, branch);
  const outcome = book.outcomes.get(position);
  violations.check(
    outcome === undefined,
    'I9',
    () => `${what} starts although its outcome is durable at seq ${outcome}`,
  );
  violations.check(
    !isCancelledBefore(book, position),
    'I15',
    () => `${what} starts after the cancel that reaches it`,
  );
  checkAttempt(world, body, failedBefore(book, position, body.attempt));
}

function checkAttempt(world: World, body: BodyRecord, failed: HistoryEvent | undefined): void {
  if (body.attempt === 1) return;
  const { violations } = world;
  const what = `attempt ${body.attempt} of ${body.idempotencyKey}`;
  violations.check(
    failed !== undefined,
    'API',
    () => `${what} starts before the failure of the one before is durable`,
  );
  const dueAt = failed?.detail?.nextAttemptAt ?? 0;
  const { now } = world.agenda;
  const early = dueAt - now > world.allowanceMs(body.instance);
  violations.check(!early, 'I8', () => `${what} starts ${dueAt - now} ms before its back-off ends`);
}

function isCancelledBefore(book: BranchBook, position: number): boolean {
  return book.events.some(
    (event) => event.kind === 'cancel' && (event.detail?.upto ?? 0) > position,
  );
}

function failedBefore(
  book: BranchBook,
  position: number,
  attempt: number,
): HistoryEvent | undefined {
  return book.events.find(
    (event) =>
      event.position === position &&
      event.type === 'attemptFailed' &&
      event.attempt === attempt - 1,
  );
}
