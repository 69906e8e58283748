/**
 * I9: without faults each attempt's body runs exactly once; with them each further execution is explained by a fault
 * that hit one of the two processes: the first lost what it did, or the second does not know yet that it lost the run.
 */
import type { BodyRecord } from '../ledger.js';
import { isFaultFree } from '../scenario.js';
import type { World } from '../world.js';

/** How long a fault can work, in leases: a call that is late by three, then the lease, then the take-over. */
const REACH_LEASES = 6;

export function checkExecutions(world: World): void {
  const byAttempt = new Map<string, BodyRecord[]>();
  for (const body of world.ledger.bodies) {
    const key = `${body.idempotencyKey}#${body.attempt}`;
    byAttempt.set(key, [...(byAttempt.get(key) ?? []), body]);
  }
  for (const [key, bodies] of byAttempt) {
    bodies.forEach((body, i) => {
      const before = bodies[i - 1];
      if (before !== undefined) checkRepeat(world, key, { before, body });
    });
  }
  checkKeys(world);
}

function checkRepeat(
  world: World,
  key: string,
  { before, body }: { before: BodyRecord; body: BodyRecord },
): void {
  const { violations, scenario, plan } = world;
  const from = before.startAt - REACH_LEASES * scenario.leaseMs;
  const fault = plan.log.find(({ at, instance }) => {
    const hits =
      instance === null ||
      body.remote ||
      instance === before.instance ||
      instance === body.instance;
    return hits && at >= from && at <= body.startAt;
  });
  const times = `at ${before.startAt} on p${before.instance} (${before.end}) and at ${body.startAt} on p${body.instance}`;
  violations.check(fault !== undefined, 'I9', () => {
    return `the body of ${key} ran twice ${times} ${isFaultFree(scenario) ? 'in a world without faults' : 'and no fault explains it'}`;
  });
}

/** One operation, one key: the same for all of its attempts and for no other. */
function checkKeys(world: World): void {
  const nodeOf = new Map<string, string>();
  for (const { idempotencyKey, runId, node, occurrence } of world.ledger.bodies) {
    const visit = `${runId} n${node}#${occurrence}`;
    const known = nodeOf.get(idempotencyKey) ?? visit;
    nodeOf.set(idempotencyKey, known);
    const same = known === visit || !isFaultFree(world.scenario);
    world.violations.check(
      same,
      'API',
      () => `${idempotencyKey} is the key of ${known} and of ${visit}`,
    );
  }
}
