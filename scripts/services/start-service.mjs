// The ways to get a server, in the order in which they are tried.
import { hasDockerCompose, startComposeServer } from './compose-server.mjs';
import { installPackages } from './debian.mjs';
import { startLocalServer } from './local-server.mjs';
import { MissingServiceError } from './missing-service.mjs';

/**
 * A server of a kind: the one that its environment variable names; else one of our own, from programs on this machine,
 * from a container, or from programs that are installed for it (Debian, as root).
 *
 * @param {import('./services.mjs').Service} service
 * @returns {Promise<{ url: string, stop(): Promise<void> }>}
 * @throws MissingServiceError that says what to install
 */
export async function startService(service) {
  const given = process.env[service.urlVariable];
  if (given) return { url: given, stop: async () => {} };
  const programs = await service.findPrograms();
  if (programs) return startLocalServer(service, programs);
  const tried = [];
  const hasContainers = await hasDockerCompose();
  if (hasContainers) {
    try {
      return await startComposeServer(service);
    } catch (error) {
      tried.push(error.message);
    }
  }
  const installed = await installPrograms(service, tried);
  if (installed) return startLocalServer(service, installed);
  const todo = [howToGet(service), ...tried].join('\n');
  throw new MissingServiceError(
    service.title,
    todo,
    hasContainers ? undefined : service.mayBeMissing,
  );
}

async function installPrograms(service, tried) {
  try {
    if (service.install) return await service.install();
    if (await installPackages(service.packages)) return await service.findPrograms();
  } catch (error) {
    tried.push(error.message);
  }
  return undefined;
}

function howToGet({ name, programNames, packages, urlVariable }) {
  const debian = packages.length > 0 ? ` (Debian: apt-get install ${packages.join(' ')})` : '';
  return (
    `Put ${programNames} on the PATH${debian}, ` +
    `or have Docker Compose, which can run \`${name}\` of compose.yaml, ` +
    `or set ${urlVariable} to a server whose user may create databases.`
  );
}
