import { join } from 'node:path';
import { findFromSid, installFromSid } from './debian-sid.mjs';
import { findExecutable } from './executables.mjs';
import { MYSQL_FAMILY_SETTINGS, mysqlOptions, mysqlUrl, writeAccessFile } from './mysql-family.mjs';
import { run } from './run.mjs';

/** The long-term series. Debian's stable releases have no MySQL; see docs/decisions/0008. */
const FROM_SID = { name: 'mysql-server-core', series: '9.7', program: 'usr/sbin/mysqld' };

/** Loading files is off. Without this it is in a folder of the system, and no start without the folder. */
const NO_FILES = '--secure-file-priv=NULL';

/** @type {import('./services.mjs').Service} */
export const mysql = {
  name: 'mysql',
  title: 'MySQL',
  urlVariable: 'DURABLE_TEST_MYSQL_URL',
  programNames: "mysqld (MySQL's own, not MariaDB's)",
  packages: [],
  mayBeMissing: 'Debian has it in its unstable release only, which may be broken on any day',
  users: ['mysql'],
  settings: MYSQL_FAMILY_SETTINGS,
  composePort: 3306,
  stopSignal: 'TERM',
  readyText: 'ready for connections',

  url: mysqlUrl,

  async findPrograms() {
    const server = findExecutable('mysqld');
    if (server && (await isMysql(server))) return { server: [server] };
    return fromSid();
  },

  async install() {
    return (await installFromSid(FROM_SID)) ? fromSid() : undefined;
  },

  async initialize({ programs, folder, spawnOptions }) {
    await writeAccessFile(folder);
    const data = `--datadir=${join(folder, 'data')}`;
    await run([...start(programs), data, NO_FILES, '--initialize-insecure'], spawnOptions);
  },

  command({ programs, folder, port }) {
    // The X protocol would listen on a port that is the same for all servers.
    const own = ['--mysqlx=OFF', NO_FILES];
    return [...start(programs), ...mysqlOptions(folder, port, MYSQL_FAMILY_SETTINGS), ...own];
  },
};

function start({ server, basedir }) {
  return [...server, '--no-defaults', ...(basedir ? [`--basedir=${basedir}`] : [])];
}

function fromSid() {
  const found = findFromSid(FROM_SID);
  return found && { server: found.command, basedir: join(found.root, 'usr') };
}

/** MariaDB's package has a program of this name, too. */
async function isMysql(server) {
  return !(await run([server, '--version'])).includes('MariaDB');
}
