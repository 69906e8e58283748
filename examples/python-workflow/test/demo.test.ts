import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';

const run = promisify(execFile);
const DEMO = join(import.meta.dirname, '../scripts/demo.mjs');
const redisUrl = inject('redisUrl');

/** `3.88 s    12 ms  step    pack             python (process 30646)    recorded` */
const ROW = /^ +[\d.]+ s +(?:\d+ ms)? +(\w+) +(\S+) +(?:(\w+) \(process (\d+)\) +)?(.+)$/gm;

describe.skipIf(redisUrl === undefined || inject('python') === undefined)('the demo', () => {
  it('kills a workflow in Python; what is recorded does not run again', {
    timeout: 150_000,
  }, async () => {
    const env = { ...process.env, DURABLE_TEST_REDIS_URL: redisUrl };
    const { stdout, stderr } = await run(process.execPath, [DEMO], { env });
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\u001B');
    expect(stdout.match(/^✓ /gm)).toHaveLength(6);
    expect(stdout.match(/ended in order$/gm)).toHaveLength(2);
    const [nest, killed, next] = [...stdout.matchAll(/process (\d+) starts/g)].map(
      ([, pid]) => pid,
    );
    expect(new Set([nest, killed, next]).size).toBe(3);

    const [, ...timelines] = stdout.split(/^(?=\S+: (?:completed|delivered|refunded)$)/m);
    const rowsOf = (timeline: string) =>
      [...timeline.matchAll(ROW)].map(([, kind, name, , pid, outcome]) => [
        `${kind} ${name}`,
        pid,
        outcome,
      ]);
    const [order = [], delivery, survey, forgotten] = timelines.map(rowsOf);
    expect(order.slice(0, 7)).toEqual([
      ['remote stock.reserve', nest, 'recorded'],
      ['step charge-card', killed, 'recorded'],
      ['sleep sleep', undefined, 'recorded'],
      ['signal approve:1001', undefined, 'recorded'],
      ['step pack', killed, 'cut short'],
      ['step pack', next, 'recorded'],
      ['child delivery', undefined, 'recorded'],
    ]);
    // Both at once: whichever ends first.
    expect(order.slice(7).toSorted()).toEqual([
      ['remote mail.send', nest, 'recorded'],
      ['step start-survey', next, 'recorded'],
    ]);
    expect(delivery).toEqual([
      ['step plan-tour', nest, 'recorded'],
      ['sleep sleep', undefined, 'recorded'],
      ['step hand-over', nest, 'recorded'],
    ]);
    expect(survey).toEqual([
      ['sleep sleep', undefined, 'recorded'],
      ['remote mail.send', nest, 'recorded'],
    ]);
    expect(forgotten).toEqual([
      ['remote stock.reserve', nest, 'recorded'],
      ['step charge-card', next, 'recorded'],
      ['sleep sleep', undefined, 'recorded'],
      ['signal approve:1002', undefined, expect.stringMatching(/^failed, SignalTimeoutError: /)],
      ['step refund', next, 'recorded'],
      ['remote stock.release', nest, 'recorded'],
    ]);
  });
});
