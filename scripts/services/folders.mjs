// Where servers of our own keep their files: made anew for each, named after the process that started it.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { rootDir } from '../workspace.mjs';

const OURS = /^durable-[a-z]+-(\d+)(-\d+)?$/;
const servicesDir = join(rootDir, '.tmp/services');
let made = 0;

/**
 * A new empty folder for a server that runs as `user`: in `.tmp/services`, or in the system's folder for temporary files
 * where the user cannot get there.
 */
export async function makeFolder(name, user) {
  made += 1;
  const preferred = join(servicesDir, `durable-${name}-${process.pid}-${made}`);
  const folder = placeFor(user, preferred, tmpdir());
  rmSync(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  if (user) await chown(folder, user.uid, user.gid);
  return folder;
}

/** `preferred`, or a folder of that name in `other` when the user cannot get to it. */
function placeFor(user, preferred, other) {
  return user && !isOpenToAll(preferred) ? join(other, basename(preferred)) : preferred;
}

/** Whether every user may go through the folders above, as far as there are any. */
function isOpenToAll(folder) {
  const above = dirname(folder);
  const isOpen = !existsSync(above) || (statSync(above).mode & 1) === 1;
  return isOpen && (above === folder || isOpenToAll(above));
}

/** Their servers end with them, and may be at it. */
const STUBBORN = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };

/** Removes the folders of processes that were killed. */
export function removeLeftovers() {
  for (const parent of [servicesDir, tmpdir()]) {
    for (const entry of entriesOf(parent)) {
      const pid = OURS.exec(entry)?.[1];
      if (pid && !isAlive(Number(pid))) rmSync(join(parent, entry), STUBBORN);
    }
  }
}

function entriesOf(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
