import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where system packages put servers; not on everybody's PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];

/**
 * The folder that has all of the named programs.
 *
 * @param {readonly string[]} names
 * @param {readonly string[]} [first] folders to look into before the PATH
 * @returns {string | undefined}
 */
export function findFolderOf(names, first = []) {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...first, ...path, ...SYSTEM_FOLDERS].find((folder) =>
    names.every((name) => existsSync(join(folder, name))),
  );
}

/** The path of a program, or undefined. */
export function findExecutable(name) {
  const folder = findFolderOf([name]);
  return folder && join(folder, name);
}
