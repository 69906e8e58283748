import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mysqlSettings } from '../src/settings/mysql-settings.js';
import { postgresSettings } from '../src/settings/postgres-settings.js';
import type { SettingRules } from '../src/settings/setting-rules.js';
import { sqliteSettings } from '../src/settings/sqlite-settings.js';

const page = readFileSync(join(import.meta.dirname, '../../../docs/database-settings.md'), 'utf8');

function tableOf({ rules }: SettingRules): string {
  const rows = rules.map(
    ({ setting, wanted, why, how }) => `| \`${setting}\` | ${wanted} | ${why} | ${how} |`,
  );
  return ['| Setting | Wanted | Otherwise | What to do |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

it.each([
  ['PostgreSQL', postgresSettings],
  ['MySQL and MariaDB', mysqlSettings],
  ['SQLite', sqliteSettings],
])('the page on database settings has what is checked on %s', (name, rules) => {
  const section = page.split(`## ${name}\n`)[1]?.split('\n## ')[0] ?? '';
  expect(section).toContain(tableOf(rules));
});
