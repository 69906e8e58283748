import type { Logger } from '../runtime/runtime.js';
import type { StateStore } from './state-store.js';

/** Logs what the store has found, one warning per setting. A check that fails is no reason not to start. */
export async function warnOfSettings(store: StateStore, logger: Logger): Promise<void> {
  try {
    for (const { setting, value, wanted, why, how } of await store.checkSettings()) {
      logger.warn(`${setting} is ${value} (wanted: ${wanted}). ${why} ${how}`, { setting, value });
    }
  } catch (error) {
    logger.warn('Looking at the settings of the database failed.', { error });
  }
}
