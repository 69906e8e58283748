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
  if (process.getuid?.() === 0) await chmod(folder, 0o755);
  return folder;
}

/** Where that folder is, or will be: root's own one could not be read by a server. */
export function cacheFolder() {
  const isRoot = process.getuid?.() === 0;
  const userCache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(isRoot ? '/var/cache' : userCache, 'nestjs-durable-tests');
}
