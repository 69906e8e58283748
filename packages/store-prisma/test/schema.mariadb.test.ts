import { inject } from 'vitest';
import { describeMySqlModels } from './mysql-models.js';

describeMySqlModels('MariaDB', inject('mariadbUrl'));
