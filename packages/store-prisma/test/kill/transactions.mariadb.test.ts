import { join } from 'node:path';
import { killTransactionsOnMySql } from 'store-fixtures';
import { expect, inject, test } from 'vitest';
import { openMySql } from '../open.js';

const server = inject('mariadbUrl');

test.skipIf(server === undefined)(
  'ctx.transaction on MariaDB: what was killed in the middle is there once, or not at all',
  { timeout: 120_000 },
  async () => {
    const report = await killTransactionsOnMySql({
      server: server ?? '',
      child: join(import.meta.dirname, 'mysql.child.ts'),
      packageDir: join(import.meta.dirname, '../..'),
      open: openMySql,
      kills: 10,
    });
    expect(report.violations).toEqual([]);
    expect(report.interrupted).toBeGreaterThan(0);
  },
);
