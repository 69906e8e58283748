/** The history of an order, as the engine recorded it, beside what the bodies of its steps did. */
import type { LedgerLine } from './ledger.js';
import type { Entry } from './shop.js';

/** All that is known of one order. */
export interface OrderFacts {
  readonly orderId: string;
  readonly history: readonly Entry[];
  /** The ledger's lines of this order. */
  readonly lines: readonly LedgerLine[];
}

export interface Row {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly pid: number | undefined;
  readonly what: string;
  /** `repeated`: recorded too, by a body that had begun before, in the process that was killed. */
  readonly outcome: 'recorded' | 'cut short' | 'repeated';
}

/** What happened to an order: what its history says, and the bodies that left nothing there. */
export function timelineOf(order: OrderFacts, pids: ReadonlyMap<string, number>): readonly Row[] {
  const recorded = order.history.filter(({ type }) => type === 'completed');
  const rows = recorded.flatMap((entry) =>
    entry.kind === 'signal' ? [signalRow(entry, pids)] : bodyRows(order, entry),
  );
  return rows.toSorted((a, b) => a.at - b.at);
}

function signalRow({ at, name, worker }: Entry, pids: ReadonlyMap<string, number>): Row {
  const what = `signal ${name}`;
  return { at: Date.parse(at), pid: pids.get(worker), what, outcome: 'recorded' };
}

/** Each call of a step's body. The last one is the one whose result is recorded. */
function bodyRows({ lines }: OrderFacts, { name }: Entry): readonly Row[] {
  const begins = lines.filter(({ what, step }) => what === 'begin' && step === name);
  return begins.map(({ at, pid }, index) => {
    const isLast = index === begins.length - 1;
    const recorded = index === 0 ? 'recorded' : 'repeated';
    return { at, pid, what: name, outcome: isLast ? recorded : 'cut short' };
  });
}

/** The process behind each worker id of a history: it is the one in which the recorded local steps ran. */
export function processesOf(orders: readonly OrderFacts[]): ReadonlyMap<string, number> {
  const pids = new Map<string, number>();
  for (const { history, lines } of orders) {
    for (const { kind, name, worker } of history) {
      const end = lines.find(({ what, step }) => what === 'end' && step === name);
      if (kind === 'step' && end !== undefined) pids.set(worker, end.pid);
    }
  }
  return pids;
}
