// Where servers of our own keep their files: made anew for each, named after the process that started it.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { rootDir } from '../workspace.mjs';

const OURS = /^durable-[a-z]+-(\d+)(-\d+)?$/;
const servicesDir = join(rootDir, '.tmp/services');

/** Where folders can be. */
export const PARENTS = [servicesDir, tmpdir()];
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

/** Where a folder's server says who guards it. */
export function pidFileOf(folder) {
  return join(folder, 'guard.pid');
}

/** A server that its process never got to guard has ended by then: it was making its files. */
const UNGUARDED_MS = 10 * 60_000;

/**
 * Removes the folders of processes that were killed, once their servers have ended, too: MySQL never ends its shutdown
 * when its files are gone.
 */
export function removeLeftovers() {
  for (const parent of PARENTS) {
    for (const entry of entriesOf(parent)) {
      const pid = OURS.exec(entry)?.[1];
      const folder = join(parent, entry);
      if (pid && !isAlive(Number(pid)) && !isInUse(folder)) {
        rmSync(folder, { recursive: true, force: true });
      }
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

function isInUse(folder) {
  try {
    const text = readFileSync(pidFileOf(folder), 'utf8');
    if (text === 'ended\n') return false;
    if (text !== '') return isAlive(Number(text));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const { mtimeMs } = statSync(folder, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
  return Date.now() - mtimeMs < UNGUARDED_MS;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
