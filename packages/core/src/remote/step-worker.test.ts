import { beforeEach, describe, expect, it } from 'vitest';
import { codec, makeTask } from '../../test/support/remote-task.js';
import { settle, VirtualRuntime } from '../../test/support/virtual-runtime.js';
import { DuplicateRegistrationError, ShutdownError } from '../errors/errors.js';
import type { TaskResult } from '../store/state-store.js';
import type { StepHandler, TransportSink } from '../transport/transport.js';
import { StepWorker } from './step-worker.js';

let runtime: VirtualRuntime;
let results: TaskResult[];
let failures: number;
let sink: TransportSink;

beforeEach(() => {
  runtime = new VirtualRuntime();
  results = [];
  failures = 0;
  sink = {
    result: async (result) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('database is away');
      }
      results.push(result);
    },
    heartbeat: () => {},
  };
});

function makeWorker(...handlers: StepHandler[]): StepWorker {
  return new StepWorker({ handlers, worker: 'w1', host: { codec, runtime } });
}

describe('StepWorker', () => {
  it('takes what it serves, and nothing else', async () => {
    const worker = makeWorker({ name: 'greet', invoke: async (name) => `Hello ${name}` });
    expect(worker.take(makeTask(), sink)).toBe(true);
    expect(worker.take(makeTask({ step: 'other' }), sink)).toBe(false);
    await settle();
    expect(results).toEqual([
      {
        taskId: 'task-1',
        token: 'token-1',
        result: expect.objectContaining({ ok: true, payload: '"Hello Ada"' }),
      },
    ]);
  });

  it('refuses two handlers of one name', () => {
    const handler = { name: 'greet', invoke: async () => 1 };
    expect(() => makeWorker(handler, { ...handler })).toThrow(DuplicateRegistrationError);
  });

  it('does not run an attempt beside itself, and runs the next attempt of the same task', async () => {
    const inputs: unknown[] = [];
    const worker = makeWorker({
      name: 'greet',
      invoke: (_input, step) => {
        inputs.push(step.attempt);
        return new Promise(() => {});
      },
    });
    expect(worker.take(makeTask(), sink)).toBe(true);
    expect(worker.take(makeTask(), sink)).toBe(true);
    expect(worker.take(makeTask({ token: 'token-2', attempt: 2 }), sink)).toBe(true);
    await settle();
    expect(inputs).toEqual([1, 2]);
  });

  it('says when an attempt is over, and whether its result was taken', async () => {
    const worker = makeWorker({ name: 'greet', invoke: async () => 1 });
    expect(worker.serves('greet')).toBe(true);
    expect(worker.serves('other')).toBe(false);
    expect(worker.run(makeTask({ step: 'other' }), sink)).toBeUndefined();
    const over = worker.run(makeTask(), sink);
    expect(worker.run(makeTask(), sink)).toBe(over);
    await settle();
    expect(await over).toBe('reported');
    failures = Number.POSITIVE_INFINITY;
    const lost = worker.run(makeTask({ token: 'token-2' }), sink);
    await runtime.advance(60_000);
    expect(await lost).toBe('dropped');
  });

  it('drops what a close aborts', async () => {
    const worker = makeWorker({ name: 'greet', invoke: () => new Promise(() => {}) });
    const over = worker.run(makeTask(), sink);
    await settle();
    await Promise.all([worker.close(1_000), runtime.advance(1_000)]);
    expect(await over).toBe('dropped');
    expect(results).toEqual([]);
  });

  it('gives signs of life at the pace that the engine wants', async () => {
    let beats = 0;
    const heartbeat = () => {
      beats += 1;
    };
    sink = { ...sink, heartbeat };
    const worker = makeWorker({ name: 'greet', invoke: () => new Promise(() => {}) });
    void worker.run(makeTask(), sink, 100);
    await settle();
    await runtime.advance(1_000);
    expect(beats).toBe(10);
    await Promise.all([worker.close(0), runtime.advance(0)]);
  });

  it('tries again to hand a result over', async () => {
    failures = 3;
    const worker = makeWorker({ name: 'greet', invoke: async () => 1 });
    worker.take(makeTask(), sink);
    await settle();
    expect(results).toEqual([]);
    await runtime.advance(60_000);
    expect(results).toHaveLength(1);
    expect(runtime.logs.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
    expect(runtime.timers).toBe(0);
  });

  it('gives up in the end, and says so', async () => {
    failures = Number.POSITIVE_INFINITY;
    const worker = makeWorker({ name: 'greet', invoke: async () => 1 });
    worker.take(makeTask(), sink);
    await runtime.advance(60_000);
    expect(runtime.logs.at(-1)?.message).toContain('It will run again');
    await worker.close(0);
    expect(runtime.timers).toBe(0);
  });

  it('outlives a sink whose heartbeat throws', async () => {
    sink = {
      ...sink,
      heartbeat: () => {
        throw new Error('no');
      },
    };
    const worker = makeWorker({ name: 'greet', invoke: async (_input, step) => step.heartbeat(1) });
    worker.take(makeTask(), sink);
    await settle();
    expect(results).toMatchObject([{ result: { ok: true } }]);
    expect(runtime.logs).toHaveLength(1);
  });
});

describe('close', () => {
  it('takes nothing more and waits for what runs', async () => {
    let finish: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const worker = makeWorker({ name: 'greet', invoke: () => running });
    worker.take(makeTask(), sink);
    await settle();
    let closed = false;
    const closing = worker.close(5_000).then(() => {
      closed = true;
    });
    expect(worker.take(makeTask({ token: 'token-2' }), sink)).toBe(false);
    await runtime.advance(4_000);
    expect(closed).toBe(false);
    finish();
    await closing;
    expect(results).toHaveLength(1);
    expect(runtime.timers).toBe(0);
  });

  it('aborts what is not done in time, reports nothing of it, and leaves no timer', async () => {
    let reason: unknown;
    const worker = makeWorker({
      name: 'greet',
      invoke: (_input, step) =>
        new Promise((_resolve, reject) => {
          step.signal.addEventListener('abort', () => {
            reason = step.signal.reason;
            reject(reason);
          });
        }),
    });
    worker.take(makeTask(), sink);
    await settle();
    const closing = worker.close(1_000);
    await runtime.advance(1_000);
    await closing;
    await settle();
    expect(reason).toBeInstanceOf(ShutdownError);
    expect(results).toEqual([]);
    expect(runtime.timers).toBe(0);
  });

  it('does not wait for a result that the database does not take', async () => {
    failures = Number.POSITIVE_INFINITY;
    const worker = makeWorker({ name: 'greet', invoke: async () => 1 });
    worker.take(makeTask(), sink);
    await settle();
    const closing = worker.close(100);
    await runtime.advance(100);
    await closing;
    await settle();
    expect(runtime.timers).toBe(0);
  });

  it('may be called twice, and on an idle worker', async () => {
    const worker = makeWorker({ name: 'greet', invoke: async () => 1 });
    await worker.close(1_000);
    await worker.close(1_000);
    expect(worker.take(makeTask(), sink)).toBe(false);
  });
});
