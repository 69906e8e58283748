import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { DurableError, errorBrand } from './durable-error.js';
import * as errors from './errors.js';
import {
  durableErrorClasses,
  FatalError,
  InvalidArgumentError,
  RetryableError,
  RunNotFoundError,
  toSchemaIssues,
} from './errors.js';

/** The same module once more, as a second copy of the package would load it. */
async function secondCopy(): Promise<typeof errors> {
  vi.resetModules();
  return import('./errors.js');
}

describe('instanceof', () => {
  it('holds within one copy, for the class and its bases alone', () => {
    const error: unknown = new RunNotFoundError('r1');
    expect(error).toBeInstanceOf(RunNotFoundError);
    expect(error).toBeInstanceOf(DurableError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(FatalError);
    expect(new Error('e')).not.toBeInstanceOf(DurableError);
    for (const other of [null, undefined, 'RunNotFoundError', {}, () => {}]) {
      expect(other instanceof DurableError).toBe(false);
    }
  });

  it('holds across copies of the package, in both directions', async () => {
    const copy = await secondCopy();
    expect(copy.FatalError).not.toBe(FatalError);
    const [theirs, ours] = [new copy.FatalError('m'), new FatalError('m')];
    expect(Object.getPrototypeOf(theirs)).not.toBe(FatalError.prototype);
    expect([theirs instanceof FatalError, ours instanceof copy.FatalError]).toEqual([true, true]);
    expect([theirs instanceof DurableError, ours instanceof copy.DurableError]).toEqual([
      true,
      true,
    ]);
    expect([theirs instanceof RetryableError, ours instanceof copy.RetryableError]).toEqual([
      false,
      false,
    ]);
  });

  it("tells users' subclasses apart", async () => {
    class A extends FatalError {}
    class B extends FatalError {}
    const copy = await secondCopy();
    class C extends copy.FatalError {}
    expect(new A('m') instanceof A).toBe(true);
    expect([
      new A('m') instanceof B,
      new FatalError('m') instanceof A,
      new C('m') instanceof A,
    ]).toEqual([false, false, false]);
    expect(new C('m') instanceof FatalError).toBe(true);
    expect([new A('m').name, new C('m').name]).toEqual(['A', 'C']);
  });

  it('narrows the type', () => {
    const error: unknown = new RunNotFoundError('r1');
    if (!(error instanceof RunNotFoundError)) throw new Error('not narrowed');
    expectTypeOf(error.fields.runId).toEqualTypeOf<string>();
    expect(error.fields.runId).toBe('r1');
  });
});

describe('the error tree', () => {
  const exported = Object.entries(errors).flatMap(([name, value]) =>
    typeof value === 'function' && name.endsWith('Error') ? [[name, value] as const] : [],
  );

  it('lists every exported class once for the codec, each with a brand of its own', () => {
    expect(new Set(durableErrorClasses)).toEqual(
      new Set(exported.map(([, errorClass]) => errorClass)),
    );
    expect(durableErrorClasses.map(({ prototype }) => errorBrand(prototype)).sort()).toEqual(
      exported.map(([name]) => name).sort(),
    );
    expect(exported.length).toBeGreaterThan(25);
  });

  const samples: readonly (readonly [DurableError, string, number | undefined, RegExp])[] = [
    [new errors.RunNotFoundError('r'), 'RUN_NOT_FOUND', 404, /"r"/],
    [
      new errors.RunConflictError({ runId: 'r', differs: 'input' }),
      'RUN_CONFLICT',
      409,
      /another input\b/,
    ],
    [
      new errors.RunConflictError({ runId: 'r', differs: 'workflow', existing: 'a', asked: 'b' }),
      'RUN_CONFLICT',
      409,
      /"a", not "b"/,
    ],
    [
      new errors.RunStateError({
        runId: 'r',
        status: 'running',
        action: 'retry',
        allowed: ['failed', 'blocked'],
      }),
      'RUN_STATE',
      409,
      /failed or blocked/,
    ],
    [
      new errors.RunFailedError({ runId: 'r', cause: new TypeError('t') }),
      'RUN_FAILED',
      undefined,
      /TypeError: t/,
    ],
    [
      new errors.RunCancelledError({ runId: 'r', reason: 'why' }),
      'RUN_CANCELLED',
      undefined,
      /: why/,
    ],
    [new errors.RunBlockedError({ runId: 'r' }), 'RUN_BLOCKED', 409, /retry\("r"\)/],
    [new errors.CancelledError({ runId: 'r' }), 'CANCELLED', undefined, /"r"/],
    [
      new errors.ChildFailedError({ childRunId: 'c', workflow: 'w', cause: 'text' }),
      'CHILD_FAILED',
      undefined,
      /"c".*"w".*text/,
    ],
    [
      new errors.UnknownWorkflowError({ workflow: 'w', version: '2', known: ['v'] }),
      'UNKNOWN_WORKFLOW',
      404,
      /"w" version "2".*v/,
    ],
    [
      new errors.DuplicateRegistrationError({
        kind: 'workflow',
        name: 'w',
        first: 'A',
        second: 'B',
      }),
      'DUPLICATE_REGISTRATION',
      undefined,
      /A and B.*"w"/,
    ],
    [
      new errors.LeaseLostError({ runId: 'r', worker: 'k', epoch: 3 }),
      'LEASE_LOST',
      undefined,
      /"k".*"r".*3/,
    ],
    [
      new errors.ForeignAwaitError({
        runId: 'r',
        workflow: 'w',
        symptom: 'stalled',
        after: 'the start',
        at: 'f.ts:1:1',
      }),
      'FOREIGN_AWAIT',
      undefined,
      /the start.*f\.ts:1:1/,
    ],
    [
      new errors.StepTimeoutError({ step: 's', timeoutMs: 5, attempt: 2 }),
      'STEP_TIMEOUT',
      undefined,
      /2.*"s".*5 ms/,
    ],
    [
      new errors.HeartbeatTimeoutError({ step: 's', timeoutMs: 5, attempt: 2 }),
      'HEARTBEAT_TIMEOUT',
      undefined,
      /5 ms/,
    ],
    [
      new errors.RemoteCrashError({ step: 's', attempt: 2, crashes: 10 }),
      'REMOTE_CRASH',
      undefined,
      /2.*"s".*10 times/,
    ],
    [
      new errors.SignalTimeoutError({ token: 't', timeoutMs: 5 }),
      'SIGNAL_TIMEOUT',
      undefined,
      /"t".*5 ms/,
    ],
    [new errors.WaitTimeoutError({ runId: 'r', timeoutMs: 5 }), 'WAIT_TIMEOUT', 504, /goes on/],
    [new errors.SchemaTooNewError({ found: 3, supported: 2 }), 'SCHEMA_TOO_NEW', undefined, /3.*2/],
    [
      new errors.TransactionsUnsupportedError('InMemoryStateStore'),
      'TRANSACTIONS_UNSUPPORTED',
      undefined,
      /InMemoryStateStore/,
    ],
    [new errors.ShutdownError(), 'SHUTDOWN', 503, /stopping/],
    [new errors.CodecError('it is odd'), 'UNDECODABLE', undefined, /it is odd/],
    [
      new errors.SchemaValidationError({
        side: 'input',
        name: 'step "s"',
        issues: [{ path: 'a.b', message: 'bad' }],
      }),
      'INVALID_INPUT',
      400,
      /step "s".*a\.b: bad/,
    ],
    [
      new errors.SchemaValidationError({
        side: 'output',
        name: 'step "s"',
        issues: [{ path: '', message: 'bad' }],
      }),
      'INVALID_OUTPUT',
      undefined,
      /value: bad/,
    ],
    [new errors.FatalError('m'), 'FATAL', undefined, /^m$/],
    [new errors.RetryableError('m'), 'RETRYABLE', undefined, /^m$/],
  ];

  it.each(samples.map((sample) => [sample[0].name, ...sample] as const))(
    '%s has a code, a status and a message with the ids',
    (name, error, code, httpStatus, message) => {
      expect([error.code, error.httpStatus, `${error.name}`]).toEqual([code, httpStatus, name]);
      expect(error.message).toMatch(message);
      expect(Object.hasOwn(error, 'httpStatus')).toBe(httpStatus !== undefined);
    },
  );

  it('keeps a cause, and tells none from undefined', () => {
    const cause = { any: 'value' };
    expect(new FatalError('m', { cause }).cause).toBe(cause);
    expect('cause' in new FatalError('m')).toBe(false);
    expect('cause' in new FatalError('m', { cause: undefined })).toBe(true);
  });
});

describe('DeterminismError', () => {
  const at = { runId: 'r', workflow: 'w', position: 4 };
  const step = { kind: 'step', name: 'charge', digest: 'd' };

  it.each([
    [
      step,
      { kind: 'sleep', name: '5m', digest: null },
      'history has step "charge", the code asks for sleep "5m"',
    ],
    [step, null, 'history has step "charge", the code asks for nothing'],
    [null, step, 'history has nothing, the code asks for step "charge"'],
    [step, { ...step, digest: 'e' }, 'the input of step "charge" is not the recorded one'],
    [step, { ...step }, 'the code asks for step "charge" in another turn than history has it'],
  ])('says of %o and %o what differs', (recorded, asked, difference) => {
    const error = new errors.DeterminismError({ ...at, recorded, asked });
    expect(error.message).toContain(`at position 4 ${difference}`);
    expect(error.fields).toEqual({ ...at, recorded, asked });
  });
});

describe('RetryableError', () => {
  it('takes durations, numbers and dates', () => {
    expect(new RetryableError('m', { after: '2 min' }).after).toBe(120_000);
    expect(new RetryableError('m', { after: 5 }).after).toBe(5);
    expect(new RetryableError('m', { after: new Date(7) }).after).toEqual(new Date(7));
    expect('after' in new RetryableError('m')).toBe(false);
  });

  it('refuses what is none', () => {
    for (const after of ['soon', -1, new Date(Number.NaN), null as never]) {
      expect(() => new RetryableError('m', { after })).toThrow(InvalidArgumentError);
    }
  });
});

describe('toSchemaIssues', () => {
  it('gives readable paths', () => {
    const path = ['items', { key: 0 }, 'odd key', Symbol.iterator];
    expect(toSchemaIssues([{ message: 'a', path }, { message: 'b' }])).toEqual([
      { path: 'items[0]["odd key"]["Symbol(Symbol.iterator)"]', message: 'a' },
      { path: '', message: 'b' },
    ]);
  });
});
