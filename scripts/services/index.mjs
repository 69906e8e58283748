// The servers that tests need: each is started once per process, however many test projects ask for it, and stopped when
// the last of them is done.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rootDir } from '../workspace.mjs';
import { MissingServiceError } from './missing-service.mjs';
import { startPostgres } from './postgres.mjs';

const STARTERS = { postgres: startPostgres };
const servicesDir = join(rootDir, '.tmp/services');

/** Test projects load this file each for itself. */
const REGISTRY = Symbol.for('durable.test-services');
globalThis[REGISTRY] ??= new Map();
const running = globalThis[REGISTRY];

/**
 * The URL of a service, started if it is not running.
 *
 * With `CI=true` a service that is missing is a failure; at a desk it says so and answers with undefined, and the tests
 * that need it are skipped.
 *
 * @param {keyof typeof STARTERS} name
 * @returns {Promise<{ url: string | undefined, release(): Promise<void> }>}
 */
export async function useService(name) {
  const shared = running.get(name) ?? { users: 0, service: start(name) };
  running.set(name, shared);
  shared.users += 1;
  const { url, stop } = await shared.service;
  const release = async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    running.delete(name);
    await stop();
  };
  return { url, release };
}

async function start(name) {
  removeLeftovers();
  try {
    return await STARTERS[name](join(servicesDir, `${name}-${process.pid}`));
  } catch (error) {
    if (!(error instanceof MissingServiceError) || process.env.CI) throw error;
    console.warn(`SKIPPED: the tests on ${name}. ${error.message}`);
    return { url: undefined, stop: async () => {} };
  }
}

/** Folders of processes that were killed; their servers have ended with them. */
function removeLeftovers() {
  for (const entry of entriesOf(servicesDir)) {
    const pid = Number(entry.split('-').at(-1));
    if (!isAlive(pid)) rmSync(join(servicesDir, entry), { recursive: true, force: true });
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
