// Debian's packages, where this process may install them.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.mjs';

/** One at a time on a machine: apt's own locks fail instead of waiting. */
const LOCK = join(tmpdir(), 'durable-test-apt.lock');

const INSTALL =
  'apt-get update && apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"';

/**
 * Installs packages, if this is Debian (or one of its kind) and we are root. A package may start a service of the
 * system, on its usual port; it is left alone.
 *
 * @returns {Promise<boolean>} whether it could
 * @throws Error with apt's own words when it fails
 */
export async function installPackages(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run(['flock', LOCK, '/bin/sh', '-c', INSTALL, 'install', ...packages], { env });
  return true;
}
