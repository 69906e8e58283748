// A server of our own: on a free port, with files of its own, as an unprivileged user.
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder, pidFileOf, removeLeftovers } from './folders.mjs';
import { startGuarded } from './guard.mjs';
import { canConnect, freePort } from './ports.mjs';
import { unprivilegedUser } from './unprivileged-user.mjs';

const START_TIMEOUT_MS = 60_000;
/** Another program may take a port between our look and the server's. */
const PORTS_TO_TRY = 5;

/**
 * Starts a service from its programs. It ends with this process.
 *
 * @param {import('./services.mjs').Service} service
 * @param programs what `service.findPrograms` answered
 * @returns {Promise<{ url: string, stop(): Promise<void> }>}
 */
export async function startLocalServer(service, programs) {
  removeLeftovers();
  const user = await unprivilegedUser(service.users);
  const folder = await makeFolder(service.name, user);
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    await service.initialize({ programs, folder, spawnOptions: { ...user, cwd: '/' } });
    const { port, server } = await launch({ service, programs, folder, user });
    const stop = async () => {
      await server.stop();
      await removeFolder();
    };
    return { url: service.url(port), stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function launch({ service, programs, folder, user }) {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    const command = service.command({ programs, folder, port });
    const server = startGuarded(command, {
      signal: service.stopSignal,
      pidFile: pidFileOf(folder),
      user,
    });
    if (await accepts(service, server, port)) return { port, server };
    await server.stop();
    const isPortTaken = /address already in use/i.test(server.log());
    if (!isPortTaken || tries === PORTS_TO_TRY) {
      throw new Error(`${service.title} does not start:\n${server.log()}`);
    }
  }
}

/** Waits until the server says that it accepts connections, and does. */
export async function accepts({ readyText }, server, port) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let isReady = false;
  while (!(isReady && (await canConnect(port)))) {
    if (server.hasEnded() || Date.now() > deadline) return false;
    await delay(20);
    isReady ||= server.log().includes(readyText);
  }
  return true;
}
