/** What the demo claims, checked. */
import type { LedgerLine } from './ledger.js';
import type { OrderFacts } from './timeline.js';

export interface Check {
  readonly claim: string;
  readonly holds: boolean;
}

/** The body that was under way when the process was killed. */
export interface Interruption {
  readonly orderId: string;
  readonly step: string;
  readonly killedPid: number;
  readonly nextPid: number;
}

const STEPS = ['reserveStock', 'payments.charge-card', 'ship'];

export function checksOf(
  orders: readonly OrderFacts[],
  interruption: Interruption,
): readonly Check[] {
  const { step, orderId } = interruption;
  const recorded = orders.length * STEPS.length;
  return [
    {
      claim: `${recorded} steps, ${recorded} recorded results: each was written once`,
      holds: orders.every(isRecordedOnce),
    },
    {
      claim: 'no step whose result was recorded ran again',
      holds: orders.every((order) => STEPS.every((name) => ranOnce(order, name, interruption))),
    },
    {
      claim: `only ${step} of order ${orderId}, cut short by the kill, ran again, under the same idempotency key`,
      holds: orders.some((order) => order.orderId === orderId && isRepeated(order, interruption)),
    },
  ];
}

/** The history is dense, and has one outcome for each step and for the signal. */
function isRecordedOnce({ orderId, history }: OrderFacts): boolean {
  const outcomes = history.filter(({ type }) => type === 'completed').map(({ name }) => name);
  const expected = [...STEPS.slice(0, 2), `approve:${orderId}`, ...STEPS.slice(2)];
  const isDense = history.every(({ seq }, index) => seq === index + 1);
  return isDense && outcomes.join() === expected.join();
}

function ranOnce(
  { orderId, lines }: OrderFacts,
  step: string,
  interruption: Interruption,
): boolean {
  if (orderId === interruption.orderId && step === interruption.step) return true;
  return shape(lines, step) === 'begin end';
}

function isRepeated({ lines }: OrderFacts, { step, killedPid, nextPid }: Interruption): boolean {
  const ofStep = lines.filter((line) => line.step === step);
  const pids = ofStep.map(({ pid }) => pid);
  const keys = new Set(ofStep.map(({ idempotencyKey }) => idempotencyKey));
  const isInBoth = pids.join() === [killedPid, nextPid, nextPid].join();
  return isInBoth && keys.size === 1 && shape(lines, step) === 'begin begin end';
}

function shape(lines: readonly LedgerLine[], step: string): string {
  return lines
    .filter((line) => line.step === step)
    .map(({ what }) => what)
    .join(' ');
}
