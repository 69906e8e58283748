import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootDir } from '../workspace.mjs';

/** A database or broker that the tests need is not there. */
export class MissingServiceError extends Error {
  /**
   * @param {string} what
   * @param {string} todo
   * @param {string} [excuse] why a `CI=true` run goes on without it, skipping its tests; without this it fails
   */
  constructor(what, todo, excuse) {
    super(`${what} is missing. ${todo}`);
    this.name = 'MissingServiceError';
    this.excuse = excuse;
  }
}

const defaultFolder = join(rootDir, '.tmp/excused-services');

/** Notes for the test report that the skipped tests of a service have an excuse, or (undefined) have none. */
export function noteExcuse(name, excuse, folder = defaultFolder) {
  const file = join(folder, name);
  rmSync(file, { force: true });
  if (excuse === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, excuse);
}

/**
 * What the latest test run noted.
 *
 * @returns {Readonly<Record<string, string>>} excuses by the service's name
 */
export function readExcuses(folder = defaultFolder) {
  let names;
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
