import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/errors.js';
import { MAX_DURATION_MS, parseDuration } from './duration.js';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

describe('parseDuration', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [-0, 0],
    [1500, 1500],
    [0.4, 0],
    [0.5, 1],
    ['0s', 0],
    ['30s', 30_000],
    ['5 m', 300_000],
    ['5m', 300_000],
    ['2 hours', 7_200_000],
    ['1 hour', 3_600_000],
    ['7 days', 604_800_000],
    ['1h 30m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1 week 2 days 3 hrs 4 mins 5 secs 6 ms', 788_645_006],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.1m', 66_000],
    ['250 milliseconds', 250],
    ['2 Weeks', 1_209_600_000],
    ['1H', 3_600_000],
    ['  10s  ', 10_000],
    ['36525 days', MAX_DURATION_MS],
    [MAX_DURATION_MS, MAX_DURATION_MS],
  ])('reads %o', (value, ms) => {
    expect(Object.is(parseDuration(value, 'f'), ms)).toBe(true);
  });

  it.each<[unknown]>([
    ...[Number.NaN, Infinity, -Infinity, -1, -0.1, MAX_DURATION_MS + 1, Number.MAX_VALUE].map(
      (n) => [n] as [unknown],
    ),
    ...[
      '',
      ' ',
      '5',
      '1e9d',
      '1e3',
      '-5s',
      '+5s',
      '5 parsecs',
      '5 months',
      '1 year',
      's',
      '1..5h',
    ].map((t) => [t] as [unknown]),
    ...[
      '1,5h',
      '5s5s',
      '30m 1h',
      '1h 1h',
      '1 h h',
      '1h,30m',
      '5m garbage',
      '5\ns',
      '0x10s',
      '٣s',
      '1h -30m',
    ].map((t) => [t] as [unknown]),
    ...[
      '36525 days 1ms',
      `${'9'.repeat(90)}d`,
      `${'1'.repeat(200)}s`,
      'Infinity s',
      'NaN ms',
      '5 constructor',
    ].map((t) => [t] as [unknown]),
    ...[
      undefined,
      null,
      true,
      5n,
      {},
      [5],
      ['5s'],
      new Date(5),
      () => 5,
      Symbol('5s'),
      Object(5),
    ].map((v) => [v] as [unknown]),
  ])('refuses %o with the name of the field', (value) => {
    let error: unknown;
    try {
      parseDuration(value, 'retry.maxDelay');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).fields.field).toBe('retry.maxDelay');
    expect((error as InvalidArgumentError).message).toMatch(/Pass /);
  });

  it('shows text that it cannot read', () => {
    expect(() => parseDuration('1e9d', 'timeout')).toThrow(/"timeout" cannot be a string.*"1e9d"/);
    expect(() => parseDuration('200 years', 'timeout')).toThrow(/Pass milliseconds/);
    expect(() => parseDuration('40000 days', 'timeout')).toThrow(/at most 100 years/);
  });

  it('is total: whole milliseconds in range, or an InvalidArgumentError', () => {
    const words = fc.constantFrom('1', '2.5', ' ', 's', 'm', 'hours', 'd', '-', '.', 'e9', 'ms');
    const texts = fc.array(words, { maxLength: 8 }).map((parts) => parts.join(''));
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(fc.oneof(fc.anything(), texts, fc.double({ min: 0 })), (value) => {
        try {
          const ms = parseDuration(value, 'f');
          seen.read += 1;
          expect(
            Number.isInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS && !Object.is(ms, -0),
          ).toBe(true);
        } catch (error) {
          seen.refused += 1;
          expect(error).toBeInstanceOf(InvalidArgumentError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(100);
  });

  it('is monotone in its amount, and exact in whole units', () => {
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    const amount = fc.double({ min: 0, max: 5_000, noNaN: true }).map((n) => Number(n.toFixed(3)));
    fc.assert(
      fc.property(unit, amount, amount, fc.nat(5_000), (name, a, b, whole) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        const text = (n: number) => parseDuration(`${n.toFixed(3)} ${name}`, 'f');
        expect(text(less)).toBeLessThanOrEqual(text(more));
        expect(parseDuration(less, 'f')).toBeLessThanOrEqual(parseDuration(more, 'f'));
        expect(parseDuration(`${whole}${name}`, 'f')).toBe(whole * units[name]);
      }),
      { numRuns: 1_000 },
    );
  });
});
