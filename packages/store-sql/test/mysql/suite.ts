import { describe } from 'vitest';
import type { MySqlDialect } from '../../src/dialect/mysql.js';
import { describeMigrations } from './migrations.js';
import { describePlans } from './plans.js';
import { describeSessions } from './sessions.js';
import { describeSettings } from './settings.js';

/** What differs from other databases, or might between MySQL and MariaDB; the rest is the conformance suite. */
export function describeMySqlFamily(server: string | undefined, dialect: MySqlDialect): void {
  describe.skipIf(server === undefined)(dialect.name, () => {
    describePlans(server ?? '', dialect);
    describeMigrations(server ?? '', dialect);
    describeSessions(server ?? '', dialect);
    describeSettings(server ?? '');
  });
}
