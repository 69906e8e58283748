/** I1 and I9: the calls of step functions that really happened, compared with what was recorded. */
import type { LedgerEntry } from '../app/ledger.js';
import { attemptName, type Fault } from '../driver/fault-log.js';
import { type Evidence, resultsOf } from './evidence.js';

/** A call of a step's function. */
export interface Call {
  readonly run: string;
  readonly key: string;
  readonly attempt: number;
  readonly app: number;
  readonly pid: number;
  readonly from: number;
  /** Undefined when it never came to an end. */
  to: number | undefined;
  /** In its result; null when it threw. */
  token: string | null;
}

export function callsOf(ledger: readonly LedgerEntry[]): readonly Call[] {
  const calls = new Map<string, Call>();
  for (const entry of ledger) {
    const { at, app, pid } = entry;
    if (entry.what === 'begin') {
      const { run, key, attempt } = entry;
      calls.set(entry.call, {
        ...{ run, key, attempt, app, pid, from: at, to: undefined, token: null },
      });
    }
    const call = entry.what === 'end' ? calls.get(entry.call) : undefined;
    if (call && entry.what === 'end') Object.assign(call, { to: at, token: entry.token });
  }
  return [...calls.values()];
}

export interface JustifyOptions {
  readonly faults: readonly Fault[];
  /** Processes from this number on are workers: what hits an engine may let their calls repeat. */
  readonly workersFrom: number;
  /** How long after its end a fault still has effects: until the lease is over, and somebody else has the run. */
  readonly aftermathMs: number;
}

export interface CallsVerdict {
  readonly violations: readonly string[];
  readonly calls: number;
  readonly repeats: number;
}

/**
 * Every repetition of an attempt has a fault that hit the process of the call before, or, of a remote one, an engine: one
 * of them had dispatched it, and was to take its result.
 */
export function judgeCalls(calls: readonly Call[], options: JustifyOptions): CallsVerdict {
  const violations: string[] = [];
  let repeats = 0;
  const attempts = Map.groupBy(calls, ({ run, key, attempt }) => attemptName(run, key, attempt));
  for (const group of attempts.values()) {
    group.sort((a, b) => a.from - b.from);
    group.slice(1).forEach((next, i) => {
      const call = group[i];
      if (!call) return;
      repeats += 1;
      if (isJustified(call, next, options)) return;
      const { run, key, attempt, app, pid } = call;
      violations.push(
        `I9: run ${run} step ${key} attempt ${attempt} ran in app ${app} (${pid}) at ${at(call.from)} and again ` +
          `in app ${next.app} (${next.pid}) at ${at(next.from)}, without a fault`,
      );
    });
  }
  return { violations, calls: calls.length, repeats };
}

function at(time: number): string {
  return new Date(time).toISOString().slice(11, -1);
}

function isJustified(call: Call, next: Call, options: JustifyOptions): boolean {
  const { faults, workersFrom, aftermathMs } = options;
  const name = attemptName(call.run, call.key, call.attempt);
  return faults.some(({ app, pid, from, to, attempts }) => {
    if (from > next.from) return false;
    if (attempts !== undefined) return attempts.has(name);
    const isOfEngine = call.app >= workersFrom && app !== null && app < workersFrom;
    if (!isOfEngine && app !== null && app !== call.app) return false;
    if (!isOfEngine && pid !== null && pid !== call.pid) return false;
    return (to ?? from) + aftermathMs >= call.from;
  });
}

/** Time that the machine did not give to a process: a fault that nobody planned. */
export function stallsOf(ledger: readonly LedgerEntry[], leastMs: number): readonly Fault[] {
  return ledger.flatMap((entry): Fault[] => {
    if (entry.what !== 'stalled' || entry.ms < leastMs) return [];
    const { at: to, app, pid, ms } = entry;
    return [{ kind: 'pause', app, pid, from: to - ms, to }];
  });
}

/** I1: what is recorded of a step is the result of a call that happened, for this step, and there is one. */
export function judgeResults({ history }: Evidence, calls: readonly Call[]): readonly string[] {
  const violations: string[] = [];
  const byToken = new Map(calls.flatMap((call) => (call.token ? [[call.token, call]] : [])));
  for (const [runId, events] of history) {
    const keys = new Set<string>();
    for (const { key, token, attempt } of resultsOf(events)) {
      if (keys.has(key)) violations.push(`I1: run ${runId} step ${key} has two results`);
      keys.add(key);
      const call = byToken.get(token);
      if (call?.run === runId && call.key === key && call.attempt === attempt) continue;
      violations.push(`I1: run ${runId} step ${key} has a result that no call of it has made`);
    }
  }
  return violations;
}
