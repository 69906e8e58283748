// The servers that tests need: each is started once per process, however many test projects ask for it, and stopped when
// the last of them is done.
import { SERVICES } from './services.mjs';
import { startOrSkip } from './start-or-skip.mjs';

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
  const shared = running.get(name) ?? { users: 0, service: startOrSkip(SERVICES[name]) };
  running.set(name, shared);
  return shared;
}
