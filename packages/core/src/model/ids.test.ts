import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/errors.js';
import { requireName, requireRunId, requireToken, uuidV7 } from './ids.js';

describe('names, run ids and tokens', () => {
  const rules = [requireName, requireRunId, requireToken];

  it.each([
    ['order-1'],
    ['a'],
    ['payments.charge-card'],
    ['with inner space'],
    ['Größe 🔑 ключ'],
    ['approve:ord/1?x=1#y'],
    ['x'.repeat(255)],
    ['🔑'.repeat(127)],
    ['null'],
    ['__proto__'],
  ])('may be %o', (value) => {
    for (const require of rules) expect(require(value, 'f')).toBe(value);
  });

  it.each<[unknown]>([
    [''],
    [' '],
    ['x'.repeat(256)],
    ['🔑'.repeat(128)],
    [' a'],
    ['a '],
    ['a\u00a0'],
    ['\ufeffa'],
    ['a\u2028'],
    ['a\nb'],
    ['a\tb'],
    ['a\u0000b'],
    ['a\u007f'],
    ['a\u0085b'],
    ['a\ud800'],
    ['\udc00a'],
    [undefined],
    [null],
    [1],
    [{}],
    [['a']],
    [Object('a')],
  ])('may not be %o', (value) => {
    for (const require of rules) {
      expect(() => require(value, 'runId')).toThrow(InvalidArgumentError);
      expect(() => require(value, 'runId')).toThrow(/^"runId" cannot be /);
    }
  });
});

describe('uuidV7', () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const time = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map((n) => n % 2 ** 48);

  it('gives the example of RFC 9562', () => {
    const random = Buffer.from('000000000000' + '0cc3' + '18c4dc0c0c07398f', 'hex');
    expect(uuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('has the fixed bits, the time, and all other bits of the random bytes', () => {
    fc.assert(
      fc.property(time, bytes, (now, random) => {
        const hex = uuidV7(now, random).replaceAll('-', '');
        const [id, source] = [Buffer.from(hex, 'hex'), Buffer.from(random)];
        expect(uuidV7(now, random)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
        expect(id.readUIntBE(0, 6)).toBe(now);
        expect(id.readUInt16BE(6) & 0x0fff).toBe(source.readUInt16BE(6) & 0x0fff);
        expect(id.readUInt16BE(8) & 0x3fff).toBe(source.readUInt16BE(8) & 0x3fff);
        expect(id.subarray(10)).toEqual(source.subarray(10));
      }),
    );
  });

  it('sorts by time', () => {
    fc.assert(
      fc.property(time, time, bytes, bytes, (a, b, first, second) => {
        fc.pre(a < b);
        expect(uuidV7(a, first) < uuidV7(b, second)).toBe(true);
      }),
    );
  });

  it('leaves the random bytes as they are', () => {
    const random = new Uint8Array(16).fill(255);
    uuidV7(0, random);
    expect(random).toEqual(new Uint8Array(16).fill(255));
  });

  it.each([[-1], [2 ** 48], [Number.NaN], [Infinity]])('refuses the time %d', (now) => {
    expect(() => uuidV7(now, new Uint8Array(16))).toThrow(InvalidArgumentError);
  });

  it.each([[0], [15], [17]])('refuses %d random bytes', (length) => {
    expect(() => uuidV7(0, new Uint8Array(length))).toThrow(InvalidArgumentError);
  });

  it('cuts fractions off the time', () => {
    expect(uuidV7(1.9, new Uint8Array(16))).toBe('00000000-0001-7000-8000-000000000000');
  });
});
