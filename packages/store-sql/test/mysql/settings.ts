import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SqlStateStore } from '../../src/index.js';
import { MySqlDatabase } from './mysql-database.js';

export function describeSettings(server: string): void {
  describe('settings', () => {
    let database: MySqlDatabase;
    let store: SqlStateStore;
    const undo: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      database = await MySqlDatabase.create(server);
      await database.migrate();
      store = database.openStore();
    });
    afterEach(async () => {
      for (const again of undo.splice(0)) await again();
    });
    afterAll(async () => {
      await store.close();
      await database.drop();
    });

    async function setForServer(variable: string, value: string): Promise<void> {
      const [row] = await database.query<{ readonly value: number }>(
        `select @@global.${variable} as value`,
      );
      undo.push(() => database.query(`set global ${variable} = ${row?.value}`));
      await database.query(`set global ${variable} = ${value}`);
    }

    test('a server with its defaults gives no findings', async () => {
      expect(await store.checkSettings()).toEqual([]);
    });

    test.each([
      ['innodb_flush_log_at_trx_commit', '2'],
      ['innodb_flush_log_at_trx_commit', '0'],
      ['read_only', '1'],
    ])('%s = %s', async (setting, value) => {
      await setForServer(setting, value);
      const findings = await store.checkSettings();
      expect(findings).toMatchObject([{ setting, value }]);
      for (const text of [findings[0]?.why, findings[0]?.how]) expect(text).toMatch(/\.$/);
    });

    test('a key that is compared without regard to case', async () => {
      await database.query(
        'alter table durable_waits modify token varchar(255) character set utf8mb4 collate utf8mb4_general_ci not null',
      );
      expect(await store.checkSettings()).toMatchObject([
        { setting: 'collation of keys', value: 'durable_waits.token', wanted: 'by bytes' },
      ]);
    });
  });
}
