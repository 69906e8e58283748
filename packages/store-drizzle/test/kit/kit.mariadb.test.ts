import { describe, inject } from 'vitest';
import { describeKit } from './kit-suite.js';
import { createMySqlKit } from './mysql-family.js';

const server = inject('mariadbUrl');

describe.skipIf(server === undefined)('MariaDB', () => {
  describeKit('MariaDB', () => createMySqlKit(server ?? '', 'mariadb'), 'with the filter');
});
