import {
  CancelledError,
  HeartbeatTimeoutError,
  StepTimeoutError,
} from '@dudousxd/nestjs-durable-core';
import { describe, expect, it } from 'vitest';
import type { TransportFixture } from './fixture.js';
import { aborted, HeldHandler, TestBench } from './test-bench.js';

/** Calls `act` a number of times; resolves after the last. */
function repeat(pace: { times: number; everyMs: number }, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    let done = 0;
    const interval = setInterval(() => {
      act();
      done += 1;
      if (done < pace.times) return;
      clearInterval(interval);
      resolve();
    }, pace.everyMs);
  });
}

/** Timeouts, cancellation, heartbeats and shutdown: what happens to an attempt that runs. */
export function describeInterruption(fixture: TransportFixture): void {
  async function openHeld(): Promise<{ bench: TestBench; held: HeldHandler }> {
    const held = new HeldHandler();
    const handlers = { held: held.invoke, fast: async () => 'fast' };
    return { held, bench: await TestBench.open(fixture, handlers) };
  }

  describe('a timeout', () => {
    it('ends the attempt and fires its signal, though the handler never returns', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held', null, { timeoutMs: 40, attempt: 2 });
      const error = await bench.sink.errorOf(token);
      expect(error).toBeInstanceOf(StepTimeoutError);
      expect(error).toMatchObject({ fields: { timeoutMs: 40, attempt: 2, step: 'held' } });
      expect((await held.call()).signal.aborted).toBe(true);
    });

    it('leaves an attempt alone that is in time', async () => {
      const { bench } = await openHeld();
      const token = await bench.send('fast', null, { timeoutMs: 60_000 });
      expect(await bench.sink.outputOf(token)).toBe('fast');
    });

    it('of heartbeats ends a silent attempt', async () => {
      const { bench } = await openHeld();
      const token = await bench.send('held', null, { heartbeatTimeoutMs: 40 });
      expect(await bench.sink.errorOf(token)).toBeInstanceOf(HeartbeatTimeoutError);
    });
  });

  describe('cancel', () => {
    it('fires the signal, with the reason', async () => {
      const { bench, held } = await openHeld();
      await bench.send('held');
      const { signal } = await held.call();
      await bench.ends.engine.cancel(['task-1'], 'the customer left');
      const reason = await aborted(signal);
      expect(reason).toBeInstanceOf(CancelledError);
      expect(String(reason)).toContain('the customer left');
    });

    it('lets the real outcome through', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held');
      const { signal } = await held.call();
      await bench.ends.engine.cancel(['task-1'], 'too late');
      await aborted(signal);
      held.finish(() => 'charged');
      expect(await bench.sink.outputOf(token)).toBe('charged');
    });

    it('is the failure of a handler that obeys', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held');
      const { signal } = await held.call();
      await bench.ends.engine.cancel(['task-1'], 'stop');
      await aborted(signal);
      held.finish(() => {
        throw signal.reason;
      });
      expect(await bench.sink.errorOf(token)).toBeInstanceOf(CancelledError);
    });

    it('reaches only the tasks it names, and ignores those it does not know', async () => {
      const { bench, held } = await openHeld();
      await bench.send('held');
      await bench.send('held');
      const [first, second] = [await held.call(1), await held.call(2)];
      await bench.ends.engine.cancel(['nobody', 'task-2'], 'stop');
      await aborted(second.signal);
      expect(first.signal.aborted).toBe(false);
    });
  });

  describe('heartbeats', () => {
    it('arrive with the task, the token and the progress', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held');
      const step = await held.call();
      step.heartbeat({ page: 3 });
      await bench.sink.until(() => bench.sink.beats.some(({ progress }) => progress !== undefined));
      const beat = bench.sink.beats.find(({ progress }) => progress !== undefined);
      expect(beat).toEqual({ taskId: 'task-1', token, progress: bench.codec.encode({ page: 3 }) });
    });

    it('put the heartbeat timeout off', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held', null, { heartbeatTimeoutMs: 300 });
      const step = await held.call();
      await repeat({ times: 15, everyMs: 30 }, () => step.heartbeat());
      held.finish(() => 'alive');
      expect(await bench.sink.outputOf(token)).toBe('alive');
    });

    it('have brought the last progress when the failure arrives', async () => {
      const bench = await TestBench.open(fixture, {
        fail: async (_input, step) => {
          for (let page = 1; page <= 9; page += 1) step.heartbeat({ page });
          throw new Error('page 10');
        },
      });
      await bench.sink.errorOf(await bench.send('fail'));
      expect(bench.sink.beats.at(-1)?.progress).toBe(bench.codec.encode({ page: 9 }));
    });
  });

  describe('close', () => {
    it('takes nothing more, and waits for what runs', async () => {
      const { bench, held } = await openHeld();
      const token = await bench.send('held');
      await held.call();
      const closing = bench.ends.worker.close(30_000);
      await bench.untilUnserved('fast');
      held.finish(() => 'done');
      await closing;
      expect(await bench.sink.outputOf(token)).toBe('done');
      expect(bench.sink.results).toHaveLength(1);
    });

    it('aborts what does not end in time, and reports no failure of it', async () => {
      const { bench, held } = await openHeld();
      await bench.send('held');
      const { signal } = await held.call();
      await bench.ends.worker.close(30);
      await aborted(signal);
      held.finish(() => {
        throw signal.reason;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(bench.sink.results).toEqual([]);
    });

    it('ends in time though a cancelled handler never returns', async () => {
      const { bench, held } = await openHeld();
      await bench.send('held');
      const { signal } = await held.call();
      await bench.ends.engine.cancel(['task-1'], 'stop');
      await aborted(signal);
      await bench.ends.worker.close(30);
      expect(bench.sink.results).toEqual([]);
    });

    it('may be called twice, and without anything served or bound', async () => {
      const { bench } = await openHeld();
      await bench.close();
      await bench.close();
      const ends = await fixture.open();
      await ends.engine.close(0);
      await ends.dispose();
    });
  });
}
