import { describeMySqlTransactions } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { openMySql } from './open.js';

const mariadb = inject('mariadbUrl');
const mysql = inject('mysqlUrl');

describe.skipIf(mariadb === undefined)('MariaDB', () => {
  describeMySqlTransactions('Drizzle on MariaDB', { server: mariadb ?? '', open: openMySql });
});

describe.skipIf(mysql === undefined)('MySQL', () => {
  describeMySqlTransactions('Drizzle on MySQL', { server: mysql ?? '', open: openMySql });
});
