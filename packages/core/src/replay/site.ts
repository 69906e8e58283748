/** Call sites of workflow code, for the run graph. Never part of the determinism check: lines move. */

/**
 * `file:line:column` of the first frame outside this package, or null. Costs about as much as the kernel's whole work
 * on a step, so it is off by default.
 */
export function captureSite(): string | null {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  const { stack } = new Error('site');
  Error.stackTraceLimit = stackTraceLimit;
  for (const line of stack?.split('\n').slice(1) ?? []) {
    const place = PLACE.exec(line)?.[1];
    if (place !== undefined && !place.startsWith(OWN)) return place;
  }
  return null;
}

const FRAMES = 12;
const PLACE = /(?:\(|at (?:async )?)([^()\s]+:\d+:\d+)\)?$/;
const OWN = new URL('..', import.meta.url).href;
