// What MariaDB and MySQL have in common.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Acknowledged = on the disk, as in production. */
export const MYSQL_FAMILY_SETTINGS = {
  'innodb-flush-log-at-trx-commit': '1',
  'innodb-doublewrite': 'ON',
  'sync-binlog': '1',
  'innodb-buffer-pool-size': '128M',
  'max-connections': '300',
  'character-set-server': 'utf8mb4',
};

/** Run at every start, before the first connection: a user with every right, for connections from this machine. */
const ACCESS = `CREATE USER IF NOT EXISTS 'durable'@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO 'durable'@'127.0.0.1' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS durable;
`;

export function mysqlUrl(port) {
  return `mysql://durable@127.0.0.1:${port}/durable`;
}

/** @param folder the server's own */
export async function writeAccessFile(folder) {
  const path = join(folder, 'access.sql');
  await writeFile(path, ACCESS);
  await chmod(path, 0o644);
}

/** The options of a server in `folder`. The socket's path is relative to the data: longer ones than 107 bytes fail. */
export function mysqlOptions(folder, port, settings) {
  return [
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${folder}`,
    `--init-file=${join(folder, 'access.sql')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--socket=server.sock',
    '--pid-file=server.pid',
    '--skip-name-resolve',
    ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
  ];
}
