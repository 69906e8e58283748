import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';

const run = promisify(execFile);
const DEMO = join(import.meta.dirname, '../scripts/demo.mjs');
const redisUrl = inject('redisUrl');

/** `0.31 s    12 ms  payments.charge-card  2        payments (node, process 4711)     recorded` */
const ROW = /^ +[\d.]+ s +\d+ ms +(\S+) +(\d+) +(\w+) \((\w+), process (\d+)\) +(.+)$/gm;

describe.skipIf(redisUrl === undefined || inject('python') === undefined)('the demo', () => {
  it('runs the steps of a workflow in three processes', { timeout: 120_000 }, async () => {
    const env = { ...process.env, DURABLE_TEST_REDIS_URL: redisUrl };
    const { stdout, stderr } = await run(process.execPath, [DEMO], { env });
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\u001B');
    expect(stdout.match(/^✓ /gm)).toHaveLength(4);
    expect(stdout.match(/ended in order$/gm)).toHaveLength(3);

    const rows = [...stdout.matchAll(ROW)].map(([, ...cells]) => cells);
    expect(
      rows.map(([step, attempt, name, sdk, , outcome]) => [step, attempt, name, sdk, outcome]),
    ).toEqual([
      ['payments.charge-card', '1', 'payments', 'node', 'failed, RetryableError: the bank is busy'],
      ['payments.charge-card', '2', 'payments', 'node', 'recorded'],
      ['sendReceipt', '1', 'api', 'node', 'recorded'],
      ['fulfilment.pack', '1', 'fulfilment', 'python', 'recorded'],
      ['fulfilment.ship', '1', 'fulfilment', 'python', 'recorded'],
      ['payments.charge-card', '1', 'payments', 'node', 'recorded'],
      ['sendReceipt', '1', 'api', 'node', 'recorded'],
      [
        'fulfilment.pack',
        '1',
        'fulfilment',
        'python',
        'failed, OutOfStockError: there is no unicorn left',
      ],
      ['payments.refund', '1', 'payments', 'node', 'recorded'],
    ]);
    expect(new Set(rows.map(([, , , , pid]) => pid)).size).toBe(3);
  });
});
