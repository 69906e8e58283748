// A real PostgreSQL for the tests: the one that DURABLE_TEST_POSTGRES_URL names, or one of our own on a free port.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { chown, mkdir, readFile, rm } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MissingServiceError } from './missing-service.mjs';

const START_TIMEOUT_MS = 30_000;
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/**
 * Ends PostgreSQL when its standard input ends: also when this process is killed, nothing of it stays behind. SIGINT is
 * PostgreSQL's fast shutdown.
 */
const GUARD = '"$@" & pid=$!; read -r _; kill -INT "$pid"; wait "$pid"';

/**
 * Finds or starts a PostgreSQL. Answers with the URL of an empty database whose user may create others.
 *
 * @param preferred where a server of our own puts its files, if its user can get there; made and removed here
 * @returns {Promise<{ url: string, stop(): Promise<void> }>}
 * @throws MissingServiceError when there is none and none can be installed
 */
export async function startPostgres(preferred) {
  const given = process.env.DURABLE_TEST_POSTGRES_URL;
  if (given) return { url: given, stop: async () => {} };
  const binaries = findBinaries() ?? installBinaries();
  const user = await unprivilegedUser();
  const folder = user && !isOpenToAll(preferred) ? join(tmpdir(), basename(preferred)) : preferred;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  if (user) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  initialize({ binaries, data, user });
  const port = await freePort();
  const server = launch({ binaries, data, port, user });
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await server.accepts();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `postgres://durable@127.0.0.1:${port}/postgres`, stop };
}

/** The folder that has `initdb` and `postgres`, the newest Debian version first. */
function findBinaries() {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const debian = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  const folders = [...debian, ...(process.env.PATH ?? '').split(delimiter)];
  return folders.find(
    (path) => path && existsSync(join(path, 'initdb')) && existsSync(join(path, 'postgres')),
  );
}

/** Debian as root: installs the package. The cluster that the package may bring is left alone. */
function installBinaries() {
  const isDebianRoot = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (isDebianRoot) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'postgresql']]) {
      spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    }
  }
  const binaries = findBinaries();
  if (binaries) return binaries;
  throw new MissingServiceError(
    'PostgreSQL',
    'Install it (Debian: apt-get install postgresql), put initdb and postgres on the PATH, ' +
      'or set DURABLE_TEST_POSTGRES_URL to a database whose user may create others.',
  );
}

/** Whom to run it as: PostgreSQL refuses to run as root. Undefined = as ourselves. */
async function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const found = ['postgres', 'nobody'].flatMap((name) => users.filter((user) => user[0] === name));
  const [first] = found;
  if (!first) throw new MissingServiceError('a user other than root', 'PostgreSQL needs one.');
  return { uid: Number(first[2]), gid: Number(first[3]) };
}

/** Whether every user may go through the folders above, as far as there are any. */
function isOpenToAll(folder) {
  const above = dirname(folder);
  const isOpen = !existsSync(above) || (statSync(above).mode & 1) === 1;
  return isOpen && (above === folder || isOpenToAll(above));
}

function initialize({ binaries, data, user }) {
  const args = [
    '-D',
    data,
    '-U',
    'durable',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-locale',
    '--no-sync',
  ];
  const result = spawnSync(join(binaries, 'initdb'), args, { ...user, encoding: 'utf8', cwd: '/' });
  if (result.status === 0) return;
  throw new Error(`initdb failed: ${result.error?.message ?? result.stderr}`);
}

/** Acknowledged = on the disk, as in production. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  max_locks_per_transaction: '256',
};

function launch({ binaries, data, port, user }) {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', data, '-p', String(port), ...settings];
  const child = spawn('/bin/sh', ['-c', GUARD, 'guard', join(binaries, 'postgres'), ...args], {
    ...user,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let log = '';
  let isReady = false;
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log = (log + text).slice(-10_000);
    if (!isReady) isReady = log.includes('ready to accept connections');
  });
  // It may have ended before.
  child.stdin.on('error', () => {});
  const ended = new Promise((resolve) => child.on('close', resolve));
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  // The guard waits for its standard input, not for the server: nothing here may keep this process alive.
  for (const handle of [child, child.stdin, child.stderr]) handle.unref?.();
  return {
    async accepts() {
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (!(isReady && (await canConnect(port)))) {
        if (hasEnded || Date.now() > deadline)
          throw new Error(`PostgreSQL does not start:\n${log}`);
        await delay(20);
      }
    },
    async stop() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function canConnect(port) {
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
    socket.connect(port, '127.0.0.1');
  });
}
