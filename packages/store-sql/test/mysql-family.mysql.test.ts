import { inject } from 'vitest';
import { mysql } from '../src/index.js';
import { describeMySqlFamily } from './mysql/suite.js';

describeMySqlFamily(inject('mysqlUrl'), mysql);
