import { inject } from 'vitest';
import { mariadb } from '../src/index.js';
import { describeMySqlFamily } from './mysql/suite.js';

describeMySqlFamily(inject('mariadbUrl'), mariadb);
