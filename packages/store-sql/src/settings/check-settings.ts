import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import type { SqlExecutor } from '../sql/executor.js';
import { rows, type Script } from '../sql/script.js';
import { mysqlSettings } from './mysql-settings.js';
import { postgresSettings } from './postgres-settings.js';
import type { SettingRules } from './setting-rules.js';
import { sqliteSettings } from './sqlite-settings.js';

const rulesOf: Readonly<Partial<Record<Dialect['name'], SettingRules>>> = {
  mysql: mysqlSettings,
  mariadb: mysqlSettings,
  postgres: postgresSettings,
  sqlite: sqliteSettings,
};

/** What there is to object to: in the settings as the store's connections see them, and in the way to the database. */
export async function checkSettings(executor: SqlExecutor): Promise<readonly SettingFinding[]> {
  const rules = rulesOf[executor.dialect.name];
  const settings = rules === undefined ? [] : await executor.read(() => findings(rules));
  return [...settings, ...(await executor.connectionFindings())];
}

function* findings({ read, rules }: SettingRules): Script<readonly SettingFinding[]> {
  const values = new Map((yield* rows(read, [])).map(({ name, value }) => [name, value]));
  return rules.flatMap(({ accepts, ...rule }) => {
    const value = values.get(rule.setting);
    return value === undefined || accepts(value) ? [] : [{ ...rule, value }];
  });
}
