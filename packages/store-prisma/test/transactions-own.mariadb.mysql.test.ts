import { describeMySqlTransactions } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { openMySql } from './open.js';

const mariadb = inject('mariadbUrl');
const mysql = inject('mysqlUrl');

describe.skipIf(mariadb === undefined)('MariaDB', () => {
  describeMySqlTransactions('Prisma on MariaDB', { server: mariadb ?? '', open: openMySql });
});

describe.skipIf(mysql === undefined)('MySQL', () => {
  describeMySqlTransactions('Prisma on MySQL', { server: mysql ?? '', open: openMySql });
});
