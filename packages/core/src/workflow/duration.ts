import { InvalidArgumentError } from '../errors/invalid-argument-error.js';

/**
 * A length of time: milliseconds as a number, or text such as `'30s'`, `'5 m'`, `'2 hours'`, `'1.5h'`, `'1h 30m'`,
 * `'2 weeks'`. Units: ms, s, m(in), h(our), d(ay), w(eek), in lower or upper case; larger units first, each once.
 */
export type Duration = number | string;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** The longest duration, in milliseconds: 100 years of 365.25 days. */
export const MAX_DURATION_MS = 36_525 * DAY;

const UNITS: ReadonlyMap<string, number> = new Map([
  ...['ms', 'msec', 'msecs', 'millisecond', 'milliseconds'].map((unit) => [unit, 1] as const),
  ...['s', 'sec', 'secs', 'second', 'seconds'].map((unit) => [unit, SECOND] as const),
  ...['m', 'min', 'mins', 'minute', 'minutes'].map((unit) => [unit, MINUTE] as const),
  ...['h', 'hr', 'hrs', 'hour', 'hours'].map((unit) => [unit, HOUR] as const),
  ...['d', 'day', 'days'].map((unit) => [unit, DAY] as const),
  ...['w', 'week', 'weeks'].map((unit) => [unit, WEEK] as const),
]);

const MAX_TEXT = 100;
const PART = /(\d+(?:\.\d+)?|\.\d+) *([a-z]+) */iy;

/** Milliseconds that the text stands for, or NaN. */
function parseText(text: string): number {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > MAX_TEXT) return Number.NaN;
  let total = 0;
  let lastUnit = Number.POSITIVE_INFINITY;
  for (let at = 0; at < trimmed.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const part = PART.exec(trimmed);
    const unit = UNITS.get(part?.[2]?.toLowerCase() ?? '');
    if (part === null || unit === undefined || unit >= lastUnit) return Number.NaN;
    total += Number(part[1]) * unit;
    lastUnit = unit;
  }
  return total;
}

const FORMS =
  "Pass milliseconds as a number of 0 or more, or text such as '30s', '5 minutes' or '1h 30m'.";

/** Durations are no secrets: the text is shown. */
function quoted(value: unknown): string {
  return typeof value === 'string' ? `It is ${JSON.stringify(value.slice(0, MAX_TEXT))}. ` : '';
}

/**
 * Whole milliseconds of a duration, rounded to the nearest; 0 is allowed. Total and monotone: a longer duration of the
 * same form never gives fewer milliseconds.
 *
 * @param field what the message calls the argument
 * @throws InvalidArgumentError for NaN, ±Infinity, a negative number, empty or unreadable text, any other kind of value,
 * and anything above 100 years.
 */
export function parseDuration(value: unknown, field: string): number {
  const ms = typeof value === 'string' ? parseText(value) : value;
  if (typeof ms !== 'number' || !(ms >= 0) || value === Number.POSITIVE_INFINITY) {
    throw new InvalidArgumentError({ field, received: value, todo: `${quoted(value)}${FORMS}` });
  }
  if (ms > MAX_DURATION_MS) {
    const todo = `${quoted(value)}Pass at most 100 years (36525 days).`;
    throw new InvalidArgumentError({ field, received: value, todo });
  }
  return Math.round(ms) + 0;
}
