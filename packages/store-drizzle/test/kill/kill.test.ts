/** `kill -9` at every place of a run, one per run: what was recorded stays, and only what was under way runs again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { only } from './ledger.js';
import { places } from './places.js';
import { createRig, type Rig, runCase } from './rig.js';
import { expectRecovered } from './verdict.js';

const TIMEOUT_MS = 60_000;

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
}, TIMEOUT_MS);
afterAll(() => rig.dispose());

for (const scenario of ['order', 'payment', 'slowPayment'] as const) {
  describe.concurrent(`the ${scenario} workflow`, { timeout: TIMEOUT_MS }, () => {
    it('passes the places below when nobody kills it, and no others', async ({
      onTestFinished,
    }) => {
      const alive = { scenario, kills: [] };
      const outcome = await runCase(rig, alive, onTestFinished);
      expectRecovered(alive, outcome, []);
      const passed = only(outcome.ledger, 'point').map(({ at }) => at);
      expect(passed.sort()).toEqual(places[scenario].map(({ at }) => at).sort());
    });

    for (const { at, repeats } of places[scenario]) {
      it(`kill -9 ${at}`, async ({ onTestFinished }) => {
        const killed = { scenario, kills: [at] };
        const outcome = await runCase(rig, killed, onTestFinished);
        expectRecovered(killed, outcome, repeats === null ? [] : [repeats]);
        const second = only(outcome.ledger, 'started').find(({ life }) => life === 2);
        expect(second?.created).toBe(at === 'before start' || at === 'inside start');
      });
    }
  });
}
