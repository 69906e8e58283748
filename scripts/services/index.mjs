// The servers that tests need: each is started once per process, however many test projects ask for it, and stopped when
// the last of them is done.
import { MissingServiceError, noteExcuse } from './missing-service.mjs';
import { SERVICES } from './services.mjs';
import { startService } from './start-service.mjs';

/** Test projects load this file each for itself. */
const REGISTRY = Symbol.for('durable.test-services');
globalThis[REGISTRY] ??= new Map();
const running = globalThis[REGISTRY];

/**
 * The URL of a service, started if it is not running.
 *
 * With `CI=true` a service that is missing is a failure, unless it has an excuse; at a desk, or with an excuse, this says
 * so and answers with undefined, and the tests that need it are skipped.
 *
 * @param {keyof typeof SERVICES} name
 * @returns {Promise<{ url: string | undefined, release(): Promise<void> }>}
 */
export async function useService(name) {
  const shared = sharedService(name);
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

/** Begins to start services that will be used: side by side, instead of each when its first user comes. */
export function expectServices(names) {
  for (const name of names) {
    // Who uses it hears of a failure.
    void Promise.allSettled([sharedService(name).service]);
  }
}

function sharedService(name) {
  const shared = running.get(name) ?? { users: 0, service: start(SERVICES[name]) };
  running.set(name, shared);
  return shared;
}

async function start(service) {
  noteExcuse(service.name, undefined);
  try {
    return await startService(service);
  } catch (error) {
    if (!(error instanceof MissingServiceError)) throw error;
    if (process.env.CI === 'true' && !error.excuse) throw error;
    noteExcuse(service.name, error.excuse);
    console.warn(`SKIPPED: the tests on ${service.title}. ${error.message}`);
    return { url: undefined, stop: async () => {} };
  }
}
