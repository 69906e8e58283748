import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from './invalid-argument-error.js';

describe('InvalidArgumentError', () => {
  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN'],
    [-5, 'the number -5'],
    ['', 'an empty string'],
    ['hunter2', 'a string of 7 characters'],
    [true, 'the boolean true'],
    [1n, 'a bigint'],
    [Symbol('s'), 'a symbol'],
    [[1, 2], 'an array of 2 items'],
    [{ password: 'hunter2' }, 'a plain object'],
    [Object.create(null), 'a plain object'],
    [new Map(), 'an instance of Map'],
    [new Date(Number.NaN), 'an invalid Date'],
    [parseInt, 'the function parseInt'],
  ])('names the field, the kind of %o, and what to do', (received, kind) => {
    const error = new InvalidArgumentError({
      field: 'timeout',
      received,
      todo: 'Pass a duration.',
    });
    expect(error.message).toBe(`"timeout" cannot be ${kind}. Pass a duration.`);
    expect(error).toMatchObject({ httpStatus: 400, fields: { field: 'timeout', received: kind } });
  });
});
