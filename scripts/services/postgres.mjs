import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findFolderOf } from './executables.mjs';
import { run } from './run.mjs';

const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** By default fsync and synchronous_commit are on, as in production: the tests of settings make sure of that. */
const SETTINGS = {
  max_connections: '200',
  shared_buffers: '128MB',
  max_locks_per_transaction: '256',
};

/** @type {import('./services.mjs').Service} */
export const postgres = {
  name: 'postgres',
  title: 'PostgreSQL',
  urlVariable: 'DURABLE_TEST_POSTGRES_URL',
  programNames: 'initdb and postgres',
  packages: ['postgresql'],
  users: ['postgres'],
  settings: SETTINGS,
  composePort: 5432,
  // Its fast shutdown: open transactions are rolled back.
  stopSignal: 'INT',
  readyText: 'ready to accept connections',

  url: (port) => `postgres://durable@127.0.0.1:${port}/postgres`,

  /** The newest Debian version first. */
  findPrograms() {
    const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
    const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
    const folder = findFolderOf(
      ['initdb', 'postgres'],
      newestFirst.map((version) => join(DEBIAN_FOLDER, version, 'bin')),
    );
    return folder && { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  },

  async initialize({ programs, folder, spawnOptions }) {
    const access = ['--username=durable', '--auth=trust'];
    const text = ['--encoding=UTF8', '--no-locale'];
    const data = `--pgdata=${join(folder, 'data')}`;
    await run([programs.initdb, data, ...access, ...text, '--no-sync'], spawnOptions);
  },

  command({ programs, folder, port }) {
    const here = { listen_addresses: '127.0.0.1', unix_socket_directories: '' };
    const settings = Object.entries({ ...SETTINGS, ...here });
    const options = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return [programs.postgres, '-D', join(folder, 'data'), '-p', String(port), ...options];
  },
};
