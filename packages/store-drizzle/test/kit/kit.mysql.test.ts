import { describe, inject } from 'vitest';
import { describeKit } from './kit-suite.js';
import { createMySqlKit } from './mysql-family.js';

const server = inject('mysqlUrl');

describe.skipIf(server === undefined)('MySQL', () => {
  describeKit('MySQL', () => createMySqlKit(server ?? '', 'mysql'), 'with the filter');
});
