import { join } from 'node:path';
import { killTransactions } from 'store-fixtures';
import { expect, inject, test } from 'vitest';
import { openPostgres } from '../open.js';

const server = inject('postgresUrl');

test.skipIf(server === undefined)(
  'ctx.transaction on PostgreSQL: what was killed in the middle is there once, or not at all',
  { timeout: 120_000 },
  async () => {
    const report = await killTransactions({
      server: server ?? '',
      child: join(import.meta.dirname, 'transactions.child.ts'),
      packageDir: join(import.meta.dirname, '../..'),
      open: openPostgres,
      kills: 10,
    });
    expect(report.violations).toEqual([]);
    expect(report.interrupted).toBeGreaterThan(0);
  },
);
