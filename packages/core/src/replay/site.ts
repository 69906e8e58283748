/** Call sites of workflow code, for the run graph. Never part of the determinism check: lines move. */

/**
 * `file:line:column` of the first frame outside this package and Node itself, or null. Costs about as much as the kernel's whole work
 * on a step, so it is off by default.
 */
export function captureSite(): string | null {
  return frames().find((place) => !place.startsWith(OWN) && !place.startsWith('node:')) ?? null;
}

const FRAMES = 12;
const PLACE = /(?:\(|at (?:async )?)([^()\s]+:\d+:\d+)\)?$/;

function frames(): readonly string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  const { stack } = new Error('site');
  Error.stackTraceLimit = stackTraceLimit;
  return (stack ?? '').split('\n').flatMap((line) => PLACE.exec(line)?.[1] ?? []);
}

/** Where this package's own frames come from, in the form in which this runtime prints them: path or URL. */
const OWN = (frames()[0] ?? '').replace(/replay\/site\.[jt]s:.*$/, '');
