import {
  createCodec,
  createSystemRuntime,
  InvalidArgumentError,
  type RemoteTask,
  type StepHandler,
  type TaskResult,
} from '@dudousxd/nestjs-durable-core';
import { Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventEmitterTransport } from './event-emitter.transport.js';

const codec = createCodec();
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const runtime = createSystemRuntime(silent);

function makeTask(step: string): RemoteTask {
  return {
    id: 'task-1',
    namespace: 'default',
    runId: 'run-1',
    branch: 0,
    position: 1,
    attempt: 1,
    step,
    token: 'token-1',
    input: codec.encode('Ada'),
    idempotencyKey: 'key',
    timeoutMs: null,
    heartbeatTimeoutMs: null,
    priority: 0,
    progress: null,
  };
}

/** An application of its own: a transport with one handler, and what it has got back. */
async function makeApp(emitter: EventEmitter2, invoke: StepHandler['invoke']) {
  const transport = new EventEmitterTransport(emitter);
  const results: TaskResult[] = [];
  let notify: () => void = () => {};
  await transport.bind({
    result: async (result) => {
      results.push(result);
      notify();
    },
    heartbeat: () => {},
  });
  await transport.serve([{ name: 'greet', invoke }], 'worker', { codec, runtime });
  const firstResult = () =>
    new Promise<void>((resolve) => {
      notify = resolve;
      if (results.length > 0) resolve();
    });
  return { transport, results, firstResult };
}

const boom = () => {
  throw new Error('listener of the application');
};

let emitter: EventEmitter2;
const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
beforeEach(() => {
  emitter = new EventEmitter2({ wildcard: true });
});
afterEach(() => warn.mockClear());

describe('EventEmitterTransport', () => {
  it('asks for an emitter in words', () => {
    const make = () => new EventEmitterTransport(undefined as never);
    expect(make).toThrow(InvalidArgumentError);
    expect(make).toThrow(/EventEmitterModule\.forRoot/);
  });

  it('keeps applications with separate emitters apart', async () => {
    const served: string[] = [];
    const one = await makeApp(new EventEmitter2(), async () => served.push('one'));
    const two = await makeApp(new EventEmitter2(), async () => served.push('two'));
    await two.transport.dispatch([makeTask('greet')]);
    await two.firstResult();
    expect(served).toEqual(['two']);
    expect(one.results).toEqual([]);
  });

  it('gives a task to one of the instances that share an emitter', async () => {
    const served: string[] = [];
    const one = await makeApp(emitter, async () => served.push('one'));
    const two = await makeApp(emitter, async () => served.push('two'));
    await two.transport.dispatch([makeTask('greet')]);
    await two.firstResult();
    await Promise.all([one.transport.close(5_000), two.transport.close(5_000)]);
    expect(served).toEqual(['one']);
    expect(one.results).toEqual([]);
    expect(two.results).toHaveLength(1);
  });

  it('uses event names of its own', async () => {
    const names = new Set<unknown>();
    emitter.onAny((event) => names.add(event));
    const { transport, firstResult } = await makeApp(emitter, async () => 1);
    await transport.dispatch([makeTask('greet'), makeTask('**')]);
    await transport.cancel(['task-1'], 'stop');
    await firstResult();
    expect([...names]).toEqual(['nestjs-durable.task', 'nestjs-durable.cancel']);
  });

  it.each([
    ['onAny', (listener: () => void) => emitter.onAny(listener)],
    ['a wildcard', (listener: () => void) => emitter.prependListener('**', listener)],
    [
      'the same event',
      (listener: () => void) => emitter.prependListener('nestjs-durable.*', listener),
    ],
    ['a later listener', (listener: () => void) => setImmediate(() => emitter.on('**', listener))],
  ])('is not harmed by a listener on %s that throws', async (_name, listen) => {
    listen(boom);
    const { transport, results, firstResult } = await makeApp(
      emitter,
      async (name) => `Hello ${name}`,
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(await transport.dispatch([makeTask('greet')])).toEqual(['dispatched']);
    await firstResult();
    expect(results).toMatchObject([{ result: { ok: true, payload: '"Hello Ada"' } }]);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('nothing is lost'));
  });

  it('cancels though a listener throws', async () => {
    emitter.onAny(boom);
    let abort: () => void = () => {};
    const aborted = new Promise<void>((resolve) => {
      abort = resolve;
    });
    const { transport } = await makeApp(emitter, (_input, step) => {
      step.signal.addEventListener('abort', abort);
      void transport.cancel(['task-1'], 'stop');
      return new Promise(() => {});
    });
    await transport.dispatch([makeTask('greet')]);
    await aborted;
    await transport.close(0);
  });

  it('brings results back though Nest has removed all listeners, and is unserved from then on', async () => {
    const { transport, firstResult } = await makeApp(emitter, async () => {
      emitter.removeAllListeners();
    });
    await transport.dispatch([makeTask('greet')]);
    await firstResult();
    expect(await transport.dispatch([makeTask('greet')])).toEqual(['unserved']);
  });

  it('leaves no listener on the emitter when it is closed', async () => {
    const { transport } = await makeApp(emitter, async () => 1);
    await transport.close(0);
    expect(emitter.eventNames()).toEqual([]);
  });
});
