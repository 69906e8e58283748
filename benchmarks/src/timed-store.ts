/** Where the time of a recovery goes: the calls of the store that it consists of, with their times. */
import type { StateStore } from '@dudousxd/nestjs-durable-core';

const TIMED = ['heartbeat', 'takeOver', 'claim', 'history', 'receive', 'commit'] as const;
type TimedCall = (typeof TIMED)[number];

export interface CallTimes {
  /** Calls that had something to do, and how many runs or turns that was. */
  calls: number;
  items: number;
  /** Sum of their durations; those of calls that were under way at once are added up. */
  ms: number;
  /** Epoch milliseconds: the begin of the first, the end of the last. */
  firstAt: number;
  lastAt: number;
}

export type Calls = Readonly<Record<TimedCall, CallTimes>>;

/** The store, with its calls timed. */
export function timedStore(store: StateStore): {
  readonly store: StateStore;
  readonly calls: Calls;
} {
  const none = (): CallTimes => ({ calls: 0, items: 0, ms: 0, firstAt: 0, lastAt: 0 });
  const calls = Object.fromEntries(TIMED.map((name) => [name, none()])) as Record<
    TimedCall,
    CallTimes
  >;
  const timed = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const times = calls[name as TimedCall];
      if (times === undefined) return value.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        const began = Date.now();
        const result: unknown = await Reflect.apply(value, target, args);
        note(times, began, itemsOf(result));
        return result;
      };
    },
  });
  return { store: timed, calls };
}

function note(times: CallTimes, began: number, items: number): void {
  if (items === 0) return;
  const now = Date.now();
  times.calls += 1;
  times.items += items;
  times.ms += now - began;
  if (times.firstAt === 0) times.firstAt = began;
  times.lastAt = now;
}

/** Runs or turns that an answer is about. */
function itemsOf(result: unknown): number {
  if (Array.isArray(result)) return result.length;
  if (result instanceof Map) return result.size;
  const { taken, claimed } = result as { taken?: number; claimed?: readonly unknown[] };
  return taken ?? claimed?.length ?? 1;
}
