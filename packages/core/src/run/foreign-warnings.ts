import type { RunRecord } from '../model/run.js';
import type { ForeignCall } from '../replay/coroutine.js';
import type { Logger } from '../runtime/runtime.js';

/** Lines that are warned of; more say nothing new. */
const MAX_WARNINGS = 100;

/** Warns of foreign calls once per line of code: a workflow that runs often must not fill the log. */
export class ForeignWarnings {
  private readonly logger: Logger;
  private readonly warnedOf = new Set<string>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  warn(run: RunRecord, { type, site, after }: ForeignCall): void {
    const key = `${run.workflow}@${run.version} ${type} ${site}`;
    if (this.warnedOf.has(key) || this.warnedOf.size >= MAX_WARNINGS) return;
    this.warnedOf.add(key);
    const where = site === null ? '' : ` at ${site}`;
    this.logger.warn(
      `Workflow '${run.workflow}' starts a ${type}${where}, after ${after}, outside a step: it will not replay. ` +
        'Put it into ctx.step().',
      { runId: run.id },
    );
  }
}
