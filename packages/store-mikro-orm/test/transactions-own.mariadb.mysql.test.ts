import { describeMySqlTransactions } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { openMariaDb, openMySql } from './open.js';

const mariadb = inject('mariadbUrl');
const mysql = inject('mysqlUrl');

describe.skipIf(mariadb === undefined)('MariaDB', () => {
  describeMySqlTransactions('MikroORM on MariaDB', { server: mariadb ?? '', open: openMariaDb });
});

describe.skipIf(mysql === undefined)('MySQL', () => {
  describeMySqlTransactions('MikroORM on MySQL', { server: mysql ?? '', open: openMySql });
});
