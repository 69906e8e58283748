/** `kill -9` during the recovery from a `kill -9`. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createRig, type KillCase, type Rig, runCase } from './rig.js';
import { expectRecovered } from './verdict.js';

const TIMEOUT_MS = 60_000;

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
}, TIMEOUT_MS);
afterAll(() => rig.dispose());

interface Repeated extends KillCase {
  /** Bodies whose outcome is lost, once for each time. */
  readonly repeats: readonly string[];
}

function order(kills: readonly string[], ...repeats: readonly string[]): Repeated {
  return { scenario: 'order', kills, repeats };
}

function payment(kills: readonly string[], ...repeats: readonly string[]): Repeated {
  return { scenario: 'payment', kills, repeats };
}

function slowPayment(kills: readonly string[], ...repeats: readonly string[]): Repeated {
  return { scenario: 'slowPayment', kills, repeats };
}

const CHARGED = 'commit [charge, sleep scheduled, suspended]';
const AUTHORIZED = 'commit [authorize, capture scheduled]';

const cases: readonly Repeated[] = [
  order(['before start', 'after start']),
  order(['after start', 'after takeOver']),
  order(['in reserve', 'after takeOver'], 'reserve/1'),
  order(['in charge', 'after claim'], 'charge/1'),
  order(['in charge', 'before history'], 'charge/1'),
  order(['in charge', 'after history'], 'charge/1'),
  order(['in charge', 'in charge'], 'charge/1', 'charge/1'),
  order(['in charge', `before ${CHARGED}`], 'charge/1', 'charge/1'),
  order(['in charge', `inside ${CHARGED}`], 'charge/1', 'charge/1'),
  order([`before ${CHARGED}`, `after ${CHARGED}`], 'charge/1'),
  order([`before ${CHARGED}`, `acked ${CHARGED}`], 'charge/1'),
  order(['after commit [reserve]', 'in charge'], 'charge/1'),
  order([`acked ${CHARGED}`, 'after claim']),
  order([`after ${CHARGED}`, 'before commit [sleep]']),
  order(['before signal', 'after signal']),
  order(['after signal', 'after claim']),
  order(['acked signal', 'before commit [approve:o-1]']),
  order(['after commit [approve:o-1]', 'in ship'], 'ship/1'),
  order(['in notify', 'after commit [notify, settled]'], 'notify/1'),
  // From the third death without progress on, the next claim waits a second.
  order(['in pack', 'in pack', 'in pack'], 'pack/1', 'pack/1', 'pack/1'),
  payment(['in capture', 'in capture'], 'capture/1', 'capture/1'),
  payment(['in capture', 'after takeTasks'], 'capture/1'),
  payment(['before commit [capture]', 'after commit [capture]'], 'capture/1'),
  slowPayment(['before completeTasks', 'after completeTasks'], 'capture/1'),
  slowPayment(['after completeTasks', 'before commit [capture]']),
  payment(['in authorize #2', `before ${AUTHORIZED}`], 'authorize/2', 'authorize/2'),
];

describe.concurrent('kill -9 again', { timeout: TIMEOUT_MS }, () => {
  for (const killCase of cases) {
    const { scenario, kills, repeats } = killCase;
    it(`${scenario}: ${kills.join(', then ')}`, async ({ onTestFinished }) => {
      const outcome = await runCase(rig, killCase, onTestFinished);
      expectRecovered(killCase, outcome, repeats);
    });
  }
});
