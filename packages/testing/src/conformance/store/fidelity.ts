import { describe, expect } from 'vitest';
import { only } from './bench.js';
import {
  blocked,
  buildEvent,
  buildTask,
  completed,
  failed,
  NAMESPACE,
  suspended,
} from './build.js';
import type { StoreTest } from './store-test.js';

/** Texts that databases and drivers are known to change. Payloads are encoded before, so NUL comes only escaped. */
const TEXTS: Readonly<Record<string, string>> = {
  'an escaped NUL': JSON.stringify('a\u0000b'),
  quotes: `"it's \\"quoted\\" -- ; drop table x"`,
  'line ends': '"a\nb\r\nc\td"',
  backslashes: '"\\\\n \\\\ %s $1 ?1 :name @p"',
  'question marks': '"? ?? $? ?::text"',
  'emoji and rare scripts': '"👩‍👩‍👧 𝒳 \u{10ffff} ﷽ e\u0301 é"',
  'trailing space': '"x"   ',
  'nothing at all': '',
  'a number too large for a double': '123456789012345678901234567890',
  'a date': '"2026-01-01T00:00:00.000Z"',
  'deep nesting': '['.repeat(5_000) + ']'.repeat(5_000),
  '65,535 characters': 'x'.repeat(65_535),
  '65,536 characters': 'y'.repeat(65_536),
  '65,536 bytes and more of wide text': 'ü'.repeat(40_000),
  'a megabyte': 'z'.repeat(1_048_576),
};

/** Ids that a collation might take for one. */
const TWINS = [
  'abc',
  'ABC',
  'abc ',
  ' abc',
  'abç',
  'abc\u0301',
  'straße',
  'strasse',
  'é',
  'e\u0301',
  '👍',
  '👍🏽',
];

/** What comes out is what went in, to the character. */
export function describeFidelity(storeTest: StoreTest): void {
  describe('fidelity', () => {
    for (const [what, text] of Object.entries(TEXTS)) {
      storeTest(`keeps ${what} wherever text is stored`, async (bench) => {
        const run = await bench.start('w1', { input: text });
        expect(run.input).toBe(text);
        await bench.commit(run, {
          events: [buildEvent(1, { payload: text, detail: { reason: text } })],
          waits: [{ token: 'cmd', position: 1, deadline: null }],
          tasks: [buildTask(run, 'task', { input: text, progress: text })],
        });
        expect(only(await bench.history(run.id))).toMatchObject({
          payload: text,
          detail: { reason: text },
        });
        await bench.signal('cmd', { payload: text });
        await bench.advance(1);
        await bench.sendCancel(run.id, { body: { kind: 'cancel', reason: text } });
        expect(await bench.receive(run.id)).toMatchObject([
          { payload: text },
          { body: { reason: text } },
        ]);
        expect(await bench.store.listSignals(NAMESPACE, 'cmd')).toMatchObject([{ payload: text }]);
        const take = { worker: 't', namespace: NAMESPACE, limit: 1, visibilityMs: 1, steps: null };
        const { tasks } = await bench.store.takeTasks(take);
        expect(tasks).toMatchObject([{ input: text, progress: text }]);
        await bench.commit(run, { change: completed(text) });
        expect(await bench.requireRun(run.id)).toMatchObject({ input: text, output: text });
      });
    }

    storeTest('keeps texts in errors, reasons and what a run waits for', async (bench) => {
      const text = TEXTS['emoji and rare scripts'] ?? '';
      const [a, b, c] = [await bench.start(), await bench.start(), await bench.start()];
      await bench.commit(a, { change: failed(text) });
      await bench.commit(b, { change: blocked(text) });
      const waitingFor = [{ kind: 'timer', name: text, position: 0, until: 5 }] as const;
      await bench.commit(c, { change: { to: 'suspended', wakeAt: null, waitingFor } });
      expect(await bench.requireRun(a.id)).toMatchObject({ error: text });
      expect(await bench.requireRun(b.id)).toMatchObject({ reason: text });
      expect(await bench.requireRun(c.id)).toMatchObject({ waitingFor });
    });

    storeTest('tells ids apart that differ only a little', async (bench) => {
      const runs = TWINS.map((id) => bench.newRun({ id, input: JSON.stringify(id) }));
      const answers = await bench.store.createRuns({ runs, claim: null });
      expect(answers.map(({ outcome }) => outcome)).toEqual(TWINS.map(() => 'created'));
      for (const id of TWINS) {
        expect(await bench.requireRun(id)).toMatchObject({ id, input: JSON.stringify(id) });
      }
      expect((await bench.claimIds()).sort()).toEqual([...TWINS].sort());
    });

    storeTest(
      'tells tokens, steps, tags and keys apart that differ only a little',
      async (bench) => {
        const run = await bench.start('w1', { tags: TWINS });
        expect(run.tags).toEqual(TWINS);
        const waits = TWINS.map((token, i) => ({ token, position: i, deadline: null }));
        const tasks = TWINS.map((step, i) => buildTask(run, `task-${i}`, { step, position: i }));
        await bench.commit(run, { waits, tasks, change: suspended() });
        for (const token of TWINS) await bench.signal(token, { id: 'same', payload: token });
        for (const key of TWINS) await bench.sendCancel(run.id, { key });
        for (const [i, step] of TWINS.entries()) {
          expect(await bench.visibleTasks({ steps: [step] })).toEqual([`task-${i}`]);
          const { runs } = await bench.store.listRuns({ namespace: NAMESPACE, tag: step }, 5, null);
          expect(runs).toHaveLength(1);
        }
        const arrivals = await bench.receive(run.id);
        const signals = arrivals.filter((arrival) => arrival.type === 'signal');
        expect(signals.map((arrival) => [arrival.token, arrival.payload]).sort()).toEqual(
          TWINS.map((token) => [token, token]).sort(),
        );
        expect(arrivals).toHaveLength(2 * TWINS.length);
      },
    );

    storeTest('takes ids, tokens, names and workers of 255 characters', async (bench) => {
      const long = 'n'.repeat(255);
      const run = await bench.start(long, { id: long, tags: [long], seed: long });
      const twin = await bench.start(long, { id: `${long.slice(0, -1)}m` });
      const events = [buildEvent(1, { name: long, worker: long, site: long })];
      const waits = [{ token: long, position: 1, deadline: null }];
      const tasks = [buildTask(run, `t${long.slice(1)}`, { step: long, idempotencyKey: long })];
      const turn = { events, waits, tasks };
      expect((await bench.commit(run, turn)).outcome).toBe('committed');
      expect(await bench.history(long)).toEqual(events);
      expect((await bench.signal(long, { id: long })).woken).toEqual([long]);
      expect(await bench.receive(long)).toMatchObject([
        { token: long, messageId: expect.any(String) },
      ]);
      expect((await bench.requireRun(twin.id)).worker).toBe(long);
    });

    storeTest('keeps large and negative numbers', async (bench) => {
      const large = Number.MAX_SAFE_INTEGER;
      const centuryMs = 100 * 365 * 86_400_000;
      const run = await bench.start('w1', { priority: -2_147_483_648, timeoutMs: centuryMs });
      expect(run.priority).toBe(-2_147_483_648);
      expect(run.deadlineAt).toBe(run.createdAt + centuryMs);
      const events = [buildEvent(1, { at: large, startedAt: 0, position: 2_000_000 })];
      const wakeAt = run.createdAt + centuryMs;
      await bench.commit(run, { events, change: suspended(wakeAt) });
      expect(await bench.history(run.id)).toEqual(events);
      expect(await bench.claim()).toMatchObject({ claimed: [], nextWakeAt: wakeAt });
    });

    storeTest('keeps a turn of a thousand events, and a run with a long history', async (bench) => {
      const run = await bench.start();
      const batch = (from: number) => Array.from({ length: 1_000 }, (_, i) => buildEvent(from + i));
      for (const from of [1, 1_001, 2_001]) {
        expect((await bench.commit(run, { events: batch(from) })).outcome).toBe('committed');
      }
      const history = await bench.history(run.id);
      expect(history.map((event) => event.seq)).toEqual(
        Array.from({ length: 3_000 }, (_, i) => i + 1),
      );
    });
  });
}
