import { MissingServiceError, noteExcuse } from './missing-service.mjs';
import { startService } from './start-service.mjs';

/**
 * Starts a service, or says that the tests on it are skipped: at a desk when it is missing, with `CI=true` when it has an
 * excuse besides.
 *
 * @param {import('./services.mjs').Service} service
 * @param {string} [notes] folder of the excuses
 * @returns {Promise<{ url: string | undefined, stop(): Promise<void> }>}
 * @throws MissingServiceError with `CI=true`
 */
export async function startOrSkip(service, notes) {
  noteExcuse(service.name, undefined, notes);
  try {
    return await startService(service);
  } catch (error) {
    if (!(error instanceof MissingServiceError)) throw error;
    if (process.env.CI === 'true' && !error.excuse) throw error;
    noteExcuse(service.name, error.excuse, notes);
    console.warn(`SKIPPED: the tests on ${service.title}. ${error.message}`);
    return { url: undefined, stop: async () => {} };
  }
}
