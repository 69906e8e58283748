/** I6 and I7 at the end: nothing that was accepted is lost, and no payload is passed over. */
import type { AcceptedSignal } from '../observer.js';
import { signalKey } from '../observer.js';
import type { World } from '../world.js';

const NAMESPACE = 'default';

export async function checkSignals(world: World): Promise<void> {
  const { violations, observer, driver } = world;
  for (const key of driver.told.signals) {
    violations.check(
      observer.signals.has(key),
      'I6',
      () => `signal ${show(key)} was acknowledged and never accepted`,
    );
  }
  const pending = await pendingKeys(world);
  for (const [key, signal] of observer.signals) {
    const kept = signal.consumedBy !== null || pending.has(key);
    violations.check(kept, 'I6', () => `signal ${show(key)} is neither consumed nor pending`);
    violations.check(
      !(signal.consumedBy !== null && pending.has(key)),
      'I6',
      () => `signal ${show(key)} is consumed and pending`,
    );
    if (signal.consumedBy !== null) checkPayload(world, signal);
  }
  checkOrder(world);
}

async function pendingKeys({ store, observer }: World): Promise<ReadonlySet<string>> {
  const tokens = new Set([...observer.signals.values()].map(({ token }) => token));
  const keys = new Set<string>();
  for (const token of tokens) {
    for (const { id } of await store.listSignals(NAMESPACE, token)) keys.add(signalKey(token, id));
  }
  return keys;
}

/** The wait that consumed a payload got this very payload. */
function checkPayload(
  { violations, observer }: World,
  { id, token, consumedBy }: AcceptedSignal,
): void {
  if (consumedBy === null) return;
  const book = observer.book(consumedBy.runId, consumedBy.branch);
  const seq = book.outcomes.get(consumedBy.position);
  const payload = seq === undefined ? '' : (book.events[seq - 1]?.payload ?? '');
  const delivered = payload.includes(JSON.stringify(id));
  violations.check(
    delivered,
    'I6',
    () => `signal ${id} of ${token} was consumed by ${consumedBy.runId}, whose wait got ${payload}`,
  );
}

/** Where one run alone has ever waited for a token, it takes the payloads from the head of the line. */
function checkOrder({ violations, observer }: World): void {
  const waiters = new Map<string, Set<string>>();
  for (const { runId, book } of observer.books()) {
    for (const { kind, name } of book.scheduled.values()) {
      if (kind === 'signal') waiters.set(name, (waiters.get(name) ?? new Set()).add(runId));
    }
  }
  const byToken = Map.groupBy(observer.signals.values(), ({ token }) => token);
  for (const [token, signals] of byToken) {
    if (waiters.get(token)?.size !== 1) continue;
    const last = signals.findLastIndex(({ consumedBy }) => consumedBy !== null);
    const skipped = signals
      .slice(0, Math.max(0, last))
      .find(({ consumedBy }) => consumedBy === null);
    violations.check(
      skipped === undefined,
      'I7',
      () => `signal ${skipped?.id} of ${token} was passed over`,
    );
  }
}

function show(key: string): string {
  return key.replace('\n', ' ');
}
