import { FatalError, RetryableError } from '@dudousxd/nestjs-durable-core';
import { describe, expect, it } from 'vitest';
import type { TransportFixture } from './fixture.js';
import { TestBench } from './test-bench.js';

/** A task's way there and its outcome's way back. */
export function describeResults(fixture: TransportFixture): void {
  describe('results', () => {
    it('come back with the token, the attempt and the worker of their task', async () => {
      const bench = await TestBench.open(fixture, { double: async (n) => Number(n) * 2 });
      const token = await bench.send('double', 21, { attempt: 3 });
      const before = Date.now();
      const result = await bench.sink.resultOf(token);
      expect(result).toMatchObject({ attempt: 3, ok: true, worker: 'worker-1' });
      expect(result.startedAt).toBeGreaterThan(before - 60_000);
      expect(await bench.sink.outputOf(token)).toBe(42);
    });

    it('carry every value that the codec keeps, both ways', async () => {
      const value = {
        date: new Date(1_700_000_000_000),
        big: 2n ** 70n,
        map: new Map([['a', new Set([1])]]),
        nothing: undefined,
        text: '\u0000 \ud83d\ude00',
        bytes: new Uint8Array([1, 2, 3]),
      };
      const bench = await TestBench.open(fixture, { echo: async (input) => input });
      expect(await bench.sink.outputOf(await bench.send('echo', value))).toEqual(value);
    });

    it('may be undefined', async () => {
      const bench = await TestBench.open(fixture, { quiet: async () => undefined });
      expect(await bench.sink.outputOf(await bench.send('quiet'))).toBeUndefined();
    });

    it('hand over what the handler has to know of its attempt', async () => {
      const seen: unknown[] = [];
      const bench = await TestBench.open(fixture, {
        note: async (_input, { idempotencyKey, attempt, progress }) => {
          seen.push({ idempotencyKey, attempt, progress });
        },
      });
      const progress = bench.codec.encode({ page: 7 });
      await bench.sink.resultOf(
        await bench.send('note', null, { progress, idempotencyKey: 'key' }),
      );
      expect(seen).toEqual([{ idempotencyKey: 'key', attempt: 1, progress: { page: 7 } }]);
    });

    it('that are refused at first are handed over again', async () => {
      const bench = await TestBench.open(fixture, { once: async () => 'done' });
      bench.sink.refusals = 1;
      expect(await bench.sink.outputOf(await bench.send('once'))).toBe('done');
    });
  });

  describe('failures', () => {
    it('keep name, message, cause and own properties of the error', async () => {
      const bench = await TestBench.open(fixture, {
        fail: async () => {
          const cause = new RangeError('limit');
          throw Object.assign(new TypeError('declined', { cause }), { card: '4242' });
        },
      });
      const error = await bench.sink.errorOf(await bench.send('fail'));
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({
        message: 'declined',
        card: '4242',
        cause: { message: 'limit' },
      });
    });

    it('stay fatal across the wire, and keep the delay that was asked for', async () => {
      const bench = await TestBench.open(fixture, {
        fatal: async () => {
          throw new FatalError('stolen card');
        },
        later: async () => {
          throw new RetryableError('busy', { after: '90s' });
        },
      });
      expect(await bench.sink.errorOf(await bench.send('fatal'))).toBeInstanceOf(FatalError);
      const later = await bench.sink.errorOf(await bench.send('later'));
      expect(later).toBeInstanceOf(RetryableError);
      expect(later).toMatchObject({ after: 90_000 });
    });

    it('of a handler that throws before it returns a promise, or throws a string', async () => {
      const bench = await TestBench.open(fixture, {
        sync: () => {
          throw new Error('at once');
        },
        text: async () => {
          throw 'just text';
        },
      });
      expect(await bench.sink.errorOf(await bench.send('sync'))).toMatchObject({
        message: 'at once',
      });
      expect(await bench.sink.errorOf(await bench.send('text'))).toBe('just text');
    });

    it('say where an output cannot be stored', async () => {
      const bench = await TestBench.open(fixture, { odd: async () => ({ fn: () => 1 }) });
      const error = await bench.sink.errorOf(await bench.send('odd'));
      expect(error).toMatchObject({ message: expect.stringContaining('$.fn') });
    });
  });
}
