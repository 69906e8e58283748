import { beforeEach, describe, expect, it } from 'vitest';
import { codec, makeTask } from '../../test/support/remote-task.js';
import { settle, VirtualRuntime } from '../../test/support/virtual-runtime.js';
import {
  CancelledError,
  FatalError,
  HeartbeatTimeoutError,
  StepTimeoutError,
  UnserializableValueError,
} from '../errors/errors.js';
import type { RemoteResult } from '../model/message.js';
import type { RemoteTask } from '../store/state-store.js';
import type { StepHandler } from '../transport/transport.js';
import type { StepContext } from '../workflow/context.js';
import { type RunningAttempt, startAttempt } from './handler-runner.js';

let runtime: VirtualRuntime;
let beats: (string | undefined)[];

beforeEach(() => {
  runtime = new VirtualRuntime();
  beats = [];
});

function start(invoke: StepHandler['invoke'], parts: Partial<RemoteTask> = {}): RunningAttempt {
  const handler = { name: 'greet', invoke };
  const heartbeat = (progress: string | undefined) => void beats.push(progress);
  return startAttempt(
    { handler, task: makeTask(parts), worker: 'w1', heartbeat },
    { codec, runtime },
  );
}

function failureOf(result: RemoteResult): unknown {
  expect(result.ok).toBe(false);
  return codec.decodeError(result.payload);
}

/** Rejects when the attempt's signal fires, as a well-behaved handler does. */
function untilAborted(step: StepContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    step.signal.addEventListener('abort', () => reject(step.signal.reason));
  });
}

describe('an attempt', () => {
  it('hands the decoded input over and gives the encoded output back', async () => {
    const attempt = start(async (input) => new Map([['hello', input]]));
    const result = await attempt.result;
    expect(result).toMatchObject({ attempt: 1, ok: true, worker: 'w1' });
    expect(result.startedAt).toBe(runtime.clock.now());
    expect(codec.decode(result.payload)).toEqual(new Map([['hello', 'Ada']]));
  });

  it('is not called inside the call that starts it', async () => {
    let called = false;
    const attempt = start(async () => {
      called = true;
    });
    expect(called).toBe(false);
    await attempt.result;
    expect(called).toBe(true);
  });

  it('gets its key, its number and the progress of the attempt before', async () => {
    let seen: StepContext | undefined;
    const parts = { attempt: 3, progress: codec.encode({ page: 7 }), idempotencyKey: 'k' };
    await start(async (_input, step) => {
      seen = step;
    }, parts).result;
    expect(seen).toMatchObject({ idempotencyKey: 'k', attempt: 3, progress: { page: 7 } });
  });

  it('has no progress when there is none', async () => {
    let seen: StepContext | undefined;
    await start(async (_input, step) => {
      seen = step;
    }).result;
    expect(seen).not.toHaveProperty('progress');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
  ])('may return %s', async (_name, value) => {
    const result = await start(async () => value).result;
    expect(result.ok).toBe(true);
    expect(codec.decode(result.payload)).toBe(value);
  });

  it('turns a synchronous throw and a rejection into a failure', async () => {
    const thrown = start(() => {
      throw new TypeError('sync');
    });
    expect(failureOf(await thrown.result)).toEqual(new TypeError('sync'));
    const rejected = start(async () => Promise.reject(new RangeError('async')));
    expect(failureOf(await rejected.result)).toEqual(new RangeError('async'));
  });

  it('keeps a thrown string, and a FatalError with its class', async () => {
    const text = start(() => {
      throw 'just text';
    });
    expect(failureOf(await text.result)).toBe('just text');
    const fatal = start(async () => {
      throw new FatalError('card is stolen');
    });
    expect(failureOf(await fatal.result)).toBeInstanceOf(FatalError);
  });

  it('fails with the path of what cannot be stored in its output', async () => {
    const error = failureOf(await start(async () => ({ callback: () => 1 })).result);
    expect(error).toBeInstanceOf(UnserializableValueError);
    expect(String(error)).toContain('$.callback');
  });

  it('fails without calling the handler when its input is damaged', async () => {
    let called = false;
    const invoke = async () => {
      called = true;
    };
    const result = await start(invoke, { input: '{"$date":' }).result;
    expect(String(failureOf(result))).toContain('CodecError');
    expect(called).toBe(false);
  });

  it('leaves no timer behind', async () => {
    await start(async () => 1, { timeoutMs: 60_000, heartbeatTimeoutMs: 60_000 }).result;
    expect(runtime.timers).toBe(0);
  });
});

describe('timeouts', () => {
  it('end the attempt at once, fire its signal, and ignore what comes later', async () => {
    let step: StepContext | undefined;
    let finish: (value: string) => void = () => {};
    const attempt = start(
      (_input, context) => {
        step = context;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      { timeoutMs: 500 },
    );
    await runtime.advance(499);
    expect(step?.signal.aborted).toBe(false);
    await runtime.advance(1);
    const error = failureOf(await attempt.result);
    expect(error).toBeInstanceOf(StepTimeoutError);
    expect(error).toMatchObject({ fields: { step: 'greet', timeoutMs: 500, attempt: 1 } });
    expect(step?.signal.reason).toBeInstanceOf(StepTimeoutError);
    finish('late');
    await settle();
    expect(runtime.timers).toBe(0);
  });

  it('of heartbeats end a silent attempt, not one that reports', async () => {
    let step: StepContext | undefined;
    const attempt = start(
      (_input, context) => {
        step = context;
        return new Promise(() => {});
      },
      { heartbeatTimeoutMs: 1_000 },
    );
    await runtime.advance(900);
    step?.heartbeat();
    await runtime.advance(900);
    expect(step?.signal.aborted).toBe(false);
    await runtime.advance(100);
    expect(failureOf(await attempt.result)).toBeInstanceOf(HeartbeatTimeoutError);
    expect(step?.signal.aborted).toBe(true);
  });
});

describe('cancel', () => {
  const reason = new CancelledError({ runId: 'run-1', reason: 'changed my mind' });

  it('fires the signal and waits for the real outcome', async () => {
    let finish: (value: string) => void = () => {};
    let step: StepContext | undefined;
    const attempt = start((_input, context) => {
      step = context;
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    await settle();
    attempt.cancel(reason);
    expect(step?.signal.reason).toBe(reason);
    await runtime.advance(60_000);
    finish('charged');
    const result = await attempt.result;
    expect(result.ok).toBe(true);
    expect(codec.decode(result.payload)).toBe('charged');
  });

  it('is the failure of a handler that obeys', async () => {
    const attempt = start((_input, step) => untilAborted(step));
    await settle();
    attempt.cancel(reason);
    expect(failureOf(await attempt.result)).toBeInstanceOf(CancelledError);
  });

  it('before the handler is called keeps it from being called', async () => {
    let called = false;
    const attempt = start(async () => {
      called = true;
    });
    attempt.cancel(reason);
    expect(failureOf(await attempt.result)).toBeInstanceOf(CancelledError);
    await settle();
    expect(called).toBe(false);
  });

  it('abandon ends an attempt whose handler never returns', async () => {
    let step: StepContext | undefined;
    const attempt = start((_input, context) => {
      step = context;
      return new Promise(() => {});
    });
    await settle();
    attempt.abandon(reason);
    expect(failureOf(await attempt.result)).toBeInstanceOf(CancelledError);
    expect(step?.signal.aborted).toBe(true);
    expect(runtime.timers).toBe(0);
  });
});

describe('heartbeats', () => {
  it('are sent at once, then together once a second, the latest progress last', async () => {
    let step: StepContext | undefined;
    start((_input, context) => {
      step = context;
      return new Promise(() => {});
    });
    await settle();
    for (let page = 1; page <= 50; page += 1) step?.heartbeat({ page });
    expect(beats).toEqual([codec.encode({ page: 1 })]);
    await runtime.advance(1_000);
    expect(beats).toEqual([codec.encode({ page: 1 }), codec.encode({ page: 50 })]);
  });

  it('keep their progress when one without progress follows', async () => {
    let step: StepContext | undefined;
    start((_input, context) => {
      step = context;
      return new Promise(() => {});
    });
    await settle();
    step?.heartbeat();
    step?.heartbeat(1);
    step?.heartbeat();
    await runtime.advance(1_000);
    expect(beats).toEqual([undefined, '1']);
  });

  it('that are held back go out before the result', async () => {
    const attempt = start(async (_input, step) => {
      step.heartbeat(1);
      step.heartbeat(2);
    });
    await attempt.result;
    expect(beats).toEqual(['1', '2']);
  });

  it('are sent every five seconds for a handler that sends none', async () => {
    start(() => new Promise(() => {}));
    await runtime.advance(15_000);
    expect(beats).toEqual([undefined, undefined, undefined]);
  });

  it('of an attempt that has ended are ignored', async () => {
    let step: StepContext | undefined;
    await start(async (_input, context) => {
      step = context;
    }).result;
    step?.heartbeat(1);
    await runtime.advance(10_000);
    expect(beats).toEqual([]);
  });

  it('whose progress cannot be stored fail the attempt where they are called', async () => {
    const attempt = start(async (_input, step) => {
      step.heartbeat((() => 1) as never);
    });
    expect(failureOf(await attempt.result)).toBeInstanceOf(UnserializableValueError);
  });
});
