// A program of Debian's unstable release beside the system: unpacked into a folder of its own with every library down to
// libc, and run through its own loader. No file, package or setting of the system changes, and root is not needed.
import { existsSync, globSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, makeCacheFolder } from './cache-folder.mjs';
import { run } from './run.mjs';

const SCRIPT = join(import.meta.dirname, 'unpack-from-sid.sh');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const NEEDED = ['/usr/bin/apt-get', '/usr/bin/dpkg-deb', '/usr/bin/flock', KEYRING];
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';

/** A mirror that answers no more must not hold a check for ever. */
const DOWNLOAD_SECONDS = '900';
const WAIT_FOR_OTHERS_SECONDS = '1800';

/**
 * @typedef {object} SidPackage
 * @property {string} name
 * @property {string} series what its version begins with, like `9.7`. Sid has one version of a package, and moves on
 * @property {string} program its path, below `/`
 */

/**
 * A program that `installFromSid` has unpacked on this machine.
 *
 * @param {SidPackage} wanted
 * @returns {{ root: string, command: string[] } | undefined} root: its `/`; command: what to start, before arguments
 */
export function findFromSid(wanted) {
  const root = join(cacheFolder(), folderNameOf(wanted));
  const [libraries] = globSync(join(root, 'usr/lib/*-linux-gnu*'));
  if (!libraries) return undefined;
  const loader = readdirSync(libraries).find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
  if (!loader) return undefined;
  const command = [
    join(libraries, loader),
    '--library-path',
    libraries,
    join(root, wanted.program),
  ];
  return { root, command };
}

/**
 * Unpacks a program, once per machine, if this is a kind of Debian. It has run (`--version`) when this returns.
 *
 * @param {SidPackage} wanted
 * @returns {Promise<boolean>} whether it could
 * @throws Error with apt's own words when it fails: no mirror, another series, broken dependencies
 */
export async function installFromSid(wanted) {
  if (!NEEDED.every((path) => existsSync(path))) return false;
  const target = join(await makeCacheFolder(), folderNameOf(wanted));
  const mirror = await debianMirror();
  const limits = ['-w', WAIT_FOR_OTHERS_SECONDS, `${target}.lock`, 'timeout', DOWNLOAD_SECONDS];
  const args = [target, KEYRING, mirror, wanted.name, wanted.series, wanted.program];
  await run(['flock', ...limits, '/bin/sh', SCRIPT, ...args]);
  return true;
}

/** The one that this machine's own packages come from. */
async function debianMirror() {
  const targets = ['Origin: Debian', 'Label: Debian', 'Created-By: Packages'];
  const output = await run(['apt-get', 'indextargets', '--format', '$(REPO_URI)', ...targets]);
  return output.split('\n')[0] || DEFAULT_MIRROR;
}

function folderNameOf({ name, series }) {
  return `${name}-${series}-${process.arch}`;
}
