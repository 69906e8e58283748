// A server in a container, from compose.yaml, where Docker is there.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { rootDir } from '../workspace.mjs';
import { startUntilInputEnds } from './guard.mjs';
import { freePort } from './ports.mjs';
import { run } from './run.mjs';

/** Images may have to be loaded first. */
const START_TIMEOUT_MS = 10 * 60_000;
const PROBE_TIMEOUT_MS = 10_000;
const UP = 'the container is up';

/** Takes the container away when the standard input ends: also when this process was killed. */
const GUARD = `
service=$1; shift
"$@" up --detach --wait "$service" && echo '${UP}' && read -r _
"$@" down --volumes --timeout 5`;

/** Whether containers can be started here. */
export async function hasDockerCompose() {
  try {
    for (const args of [['compose', 'version'], ['info']]) {
      await run(['docker', ...args], { timeout: PROBE_TIMEOUT_MS });
    }
    return true;
  } catch {
    // No docker, no compose, or no daemon that answers: no container.
    return false;
  }
}

/**
 * Starts a service of compose.yaml on a free port. It ends with this process.
 *
 * @param {import('./services.mjs').Service} service
 * @returns {Promise<{ url: string, stop(): Promise<void> }>}
 * @throws Error with Docker's own words
 */
export async function startComposeServer(service) {
  const port = await freePort();
  const project = `durable-test-${service.name}-${process.pid}-${port}`;
  const file = join(rootDir, 'compose.yaml');
  const compose = ['docker', 'compose', '--file', file, '--project-name', project];
  const portVariable = `DURABLE_${service.name.toUpperCase()}_PORT=${port}`;
  const command = ['/bin/sh', '-c', GUARD, 'guard', service.name, 'env', portVariable, ...compose];
  const server = startUntilInputEnds(command);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!server.log().includes(UP)) {
    if (server.hasEnded() || Date.now() > deadline) {
      await server.stop();
      throw new Error(`Docker Compose could not start ${service.title}:\n${server.log()}`);
    }
    await delay(50);
  }
  return { url: service.url(port), stop: server.stop };
}
