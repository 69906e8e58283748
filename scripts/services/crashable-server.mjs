// A server of our own that can be killed and started again on its port and its files.
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder, removeLeftovers } from './folders.mjs';
import { startGuarded } from './guard.mjs';
import { accepts } from './local-server.mjs';
import { MissingServiceError } from './missing-service.mjs';
import { freePort } from './ports.mjs';
import { SERVICES } from './services.mjs';
import { unprivilegedUser } from './unprivileged-user.mjs';

const RESTART_TIMEOUT_MS = 30_000;

/**
 * Starts a server that nobody else uses.
 *
 * @param {keyof typeof SERVICES} name
 * @returns {Promise<import('./crashable-server.mjs').CrashableServer>}
 * @throws MissingServiceError when its programs are not on this machine
 */
export async function startCrashable(name) {
  const service = SERVICES[name];
  const programs = service.findPrograms();
  if (!programs) {
    throw new MissingServiceError(service.title, `Put ${service.programNames} on the PATH.`);
  }
  removeLeftovers();
  const user = await unprivilegedUser(service.users);
  const folder = await makeFolder(service.name, user);
  const initialize = () =>
    service.initialize({ programs, folder, spawnOptions: { ...user, cwd: '/' } });
  await initialize();
  const port = await freePort();
  const command = service.command({ programs, folder, port });
  const launch = () => startGuarded(command, { signal: service.stopSignal, user });
  let server = launch();
  const start = async () => {
    const deadline = Date.now() + RESTART_TIMEOUT_MS;
    // Processes of the one before may not have gone yet.
    while (!(await accepts(service, server, port))) {
      await server.stop();
      if (Date.now() > deadline)
        throw new Error(`${service.title} does not start:\n${server.log()}`);
      await delay(50);
      server = launch();
    }
  };
  await start();
  return {
    url: service.url(port),
    async crash() {
      sendToAll(server.pid, 'SIGKILL');
      await server.stop();
    },
    freeze: () => sendToAll(server.pid, 'SIGSTOP'),
    thaw: () => sendToAll(server.pid, 'SIGCONT'),
    async forget() {
      for (const entry of await readdir(folder)) await rm(join(folder, entry), { recursive: true });
      await initialize();
    },
    async restart() {
      server = launch();
      await start();
    },
    async stop() {
      // A frozen one takes no other signal.
      sendToAll(server.pid, 'SIGCONT');
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The processes below one, itself not included. */
function descendantsOf(pid) {
  const children = new Map();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(entry);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const below = (parent) =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid) {
  try {
    // The name before it may hold anything, also parentheses.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1]);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}

/** To the server's processes, not to the guard. */
function sendToAll(guard, signal) {
  for (const pid of descendantsOf(guard)) send(pid, signal);
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Whether the programs that it takes are on this machine. */
export function canCrash(name) {
  return SERVICES[name].findPrograms() !== undefined;
}
