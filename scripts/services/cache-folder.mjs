import { chmod, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for what is downloaded for the tests once on this machine, whatever the clone. Nothing cleans it up: delete it
 * to have everything downloaded anew.
 *
 * @returns {Promise<string>} readable for all when we are root: servers run as somebody else then
 */
export async function makeCacheFolder() {
  const folder = cacheFolder();
  await mkdir(folder, { recursive: true });
  if (isRoot()) await chmod(folder, 0o755);
  return folder;
}

/** Where that folder is, or will be: what `DURABLE_TEST_CACHE` says, else among the user's or (root) the system's caches. */
export function cacheFolder() {
  const given = process.env.DURABLE_TEST_CACHE;
  if (given) return given;
  const userCache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(isRoot() ? '/var/cache' : userCache, 'nestjs-durable-tests');
}

function isRoot() {
  return process.getuid?.() === 0;
}
