import { join } from 'node:path';
import { findExecutable } from './executables.mjs';
import { MYSQL_FAMILY_SETTINGS, mysqlOptions, mysqlUrl, writeAccessFile } from './mysql-family.mjs';
import { run } from './run.mjs';

/** @type {import('./services.mjs').Service} */
export const mariadb = {
  name: 'mariadb',
  title: 'MariaDB',
  urlVariable: 'DURABLE_TEST_MARIADB_URL',
  programNames: 'mariadbd and mariadb-install-db',
  // The programs without the system service.
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  users: ['mysql'],
  settings: MYSQL_FAMILY_SETTINGS,
  composePort: 3306,
  stopSignal: 'TERM',
  readyText: 'ready for connections',

  url: mysqlUrl,

  findPrograms() {
    const server = findExecutable('mariadbd');
    const install = findExecutable('mariadb-install-db');
    return server && install && { server, install };
  },

  async initialize({ programs, folder, spawnOptions }) {
    await writeAccessFile(folder);
    const data = `--datadir=${join(folder, 'data')}`;
    const access = ['--auth-root-authentication-method=normal', '--skip-name-resolve'];
    const command = [programs.install, '--no-defaults', data, '--skip-test-db', ...access];
    await run(command, { ...spawnOptions, env: { ...process.env, TMPDIR: folder } });
  },

  command({ programs, folder, port }) {
    return [programs.server, '--no-defaults', ...mysqlOptions(folder, port, MYSQL_FAMILY_SETTINGS)];
  },
};
