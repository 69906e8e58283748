import { describeMySqlTransactions } from 'store-fixtures';
import { describe, inject } from 'vitest';
import { openMySqlAs } from './open.js';

const mariadb = inject('mariadbUrl');
const mysql = inject('mysqlUrl');

describe.skipIf(mariadb === undefined)('MariaDB', () => {
  describeMySqlTransactions('TypeORM on MariaDB', {
    server: mariadb ?? '',
    open: openMySqlAs('mariadb'),
  });
});

describe.skipIf(mysql === undefined)('MySQL', () => {
  describeMySqlTransactions('TypeORM on MySQL', {
    server: mysql ?? '',
    open: openMySqlAs('mysql'),
  });
});
