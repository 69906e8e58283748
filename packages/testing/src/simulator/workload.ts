/** What engines run in a simulated world: the one workflow, the one remote step, and the bodies of all steps. */
import {
  FatalError,
  type RemoteStep,
  type RunRecord,
  type StepContext,
  type StepDefinition,
  type WorkflowCtx,
  type WorkflowDefinition,
} from '@dudousxd/nestjs-durable-core';
import type { Agenda } from './agenda.js';
import { type BodySpec, type ProgramHost, runProgram } from './interpret.js';
import type { BodyRecord, Execution, Ledger } from './ledger.js';
import type { Program } from './program.js';
import { hashUnit } from './random.js';
import type { Life } from './sim-process.js';

export const SIM_WORKFLOW = 'sim';
export const SIM_VERSION = '1';

/** Input of every run: which program it is. */
export interface RunInput {
  readonly program: string;
}

/** Accepts everything: what crosses the transport is made by the simulator itself. */
const anything = {
  '~standard': {
    version: 1,
    vendor: 'simulator',
    validate: (value: unknown) => ({ value: value as never }),
  },
} as const;

/** The contract of every remote step. */
export const SIM_REMOTE: RemoteStep<BodySpec, unknown> = {
  kind: 'durable.remote-step',
  name: 'sim.remote',
  input: anything,
  output: anything,
  options: {},
};

export interface WorkloadOptions {
  readonly seed: number;
  readonly agenda: Agenda;
  readonly ledger: Ledger;
  readonly programs: ReadonlyMap<string, Program>;
  /** The store's books: the record of a run, and how many events of a branch are durable. */
  readonly runOf: (runId: string) => RunRecord | undefined;
  /** Index of the process that owns a run. */
  readonly ownerOf: (runId: string) => number | undefined;
  readonly durableSeq: (runId: string, branch: number) => number;
  readonly onBodyStart: (body: BodyRecord) => void;
  readonly onWrongProgress: (spec: BodySpec, difference: string) => void;
}

export class Workload {
  private readonly options: WorkloadOptions;

  constructor(options: WorkloadOptions) {
    this.options = options;
  }

  definitions(life: Life): {
    readonly workflow: WorkflowDefinition;
    readonly step: StepDefinition;
  } {
    return {
      workflow: {
        name: SIM_WORKFLOW,
        version: SIM_VERSION,
        source: 'SimulatedWorkflow',
        run: (ctx: WorkflowCtx, input: RunInput) => this.runWorkflow(life, ctx, input),
      },
      step: {
        name: SIM_REMOTE.name,
        contract: SIM_REMOTE as RemoteStep<never, unknown>,
        source: 'SimulatedSteps.remote',
        invoke: (spec: BodySpec, step: StepContext) =>
          this.body(life, { spec, step, remote: true }),
      },
    };
  }

  private async runWorkflow(life: Life, ctx: WorkflowCtx, input: RunInput): Promise<unknown> {
    const { ledger, programs, agenda, runOf, ownerOf, durableSeq } = this.options;
    const program = programs.get(input.program);
    if (program === undefined) throw new FatalError(`no program ${input.program}`);
    const branch = runOf(ctx.runId)?.branch ?? 0;
    const execution = ledger.beginExecution({
      runId: ctx.runId,
      branch,
      instance: life.index,
      startAt: agenda.now,
      knownSeq: durableSeq(ctx.runId, branch),
      owned: ownerOf(ctx.runId) === life.index,
    });
    try {
      return await runProgram(ctx, program, this.host(life, execution));
    } finally {
      execution.ended = true;
    }
  }

  private host(life: Life, execution: Execution): ProgramHost {
    return {
      contract: SIM_REMOTE,
      childWorkflow: SIM_WORKFLOW,
      nonce: () => this.options.ledger.nonce(),
      body: (spec, step) => this.body(life, { spec, step, remote: false }),
      slowSchema: (ms) => this.slowSchema(life, ms),
      asking: () => undefined,
      see: (seen) => {
        execution.seen.push(seen);
      },
    };
  }

  private slowSchema(life: Life, ms: number): ReturnType<ProgramHost['slowSchema']> {
    const validate = (value: unknown) =>
      new Promise<{ readonly value: unknown }>((resolve) => {
        this.options.agenda.add({
          owner: life,
          actor: `${life.name}.schema`,
          label: 'schema checked',
          delayMs: ms,
          run: () => resolve({ value }),
        });
      });
    return { '~standard': { version: 1, vendor: 'simulator', validate } };
  }

  private body(life: Life, call: BodyCall): unknown {
    const { spec, step } = call;
    const body = this.begin(life, call);
    this.reportProgress(call);
    const end = (kind: BodyRecord['end']) => {
      if (body.end !== 'running') return;
      body.end = kind;
      body.endAt = this.options.agenda.now;
    };
    const finish = (): unknown => {
      const error = failureOf(spec, step.attempt);
      end(error === null ? 'returned' : 'threw');
      if (error !== null) throw error;
      return { n: spec.node, o: spec.occurrence, a: step.attempt, x: this.options.ledger.nonce() };
    };
    if (spec.bodyMs === 0 && spec.behaviour !== 'hangs') return finish();
    return this.slow(life, { ...call, finish, aborted: () => end('aborted') });
  }

  /** Every third step says how far it is, and has to be told what its failed attempt said. */
  private reportProgress({ spec, step, remote }: BodyCall): void {
    if (spec.node % 3 !== 0) return;
    const told = JSON.stringify(step.progress ?? null);
    const expected = step.attempt === 1 ? 'null' : JSON.stringify({ attempt: step.attempt - 1 });
    if (!remote && told !== expected)
      this.options.onWrongProgress(spec, `${told}, not ${expected}`);
    step.heartbeat({ attempt: step.attempt });
  }

  /** A body that takes time; half of them obey their signal. */
  private slow(life: Life, { spec, step, finish, aborted }: SlowCall): Promise<unknown> {
    const { agenda, seed } = this.options;
    return new Promise((resolve, reject) => {
      const event =
        spec.behaviour === 'hangs'
          ? null
          : agenda.add({
              owner: life,
              actor: `${life.name}.body`,
              label: `body ${spec.runId} n${spec.node}#${spec.occurrence}.${step.attempt} ends`,
              delayMs: spec.bodyMs,
              run: () => settle(finish, resolve, reject),
            });
      const obeys = hashUnit(seed, 'obeys', spec.runId, spec.node, spec.occurrence) < 0.5;
      if (!obeys) return;
      step.signal.addEventListener('abort', () => {
        if (event !== null) agenda.remove(event);
        aborted();
        reject(step.signal.reason);
      });
    });
  }

  private begin(life: Life, { spec, step, remote }: BodyCall): BodyRecord {
    const { ledger, agenda, onBodyStart } = this.options;
    const body = ledger.begin({
      node: spec.node,
      occurrence: spec.occurrence,
      runId: spec.runId,
      remote,
      attempt: step.attempt,
      idempotencyKey: step.idempotencyKey,
      instance: life.index,
      startAt: agenda.now,
    });
    onBodyStart(body);
    return body;
  }
}

interface BodyCall {
  readonly spec: BodySpec;
  readonly step: StepContext;
  readonly remote: boolean;
}

interface SlowCall extends BodyCall {
  readonly finish: () => unknown;
  readonly aborted: () => void;
}

function settle(
  finish: () => unknown,
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): void {
  try {
    resolve(finish());
  } catch (error) {
    reject(error);
  }
}

/** What an attempt throws, by its number alone. */
function failureOf(
  { behaviour, failures, node, occurrence }: BodySpec,
  attempt: number,
): Error | null {
  const message = `boom ${node}:${occurrence}:${attempt}`;
  if (behaviour === 'fatal') return new FatalError(message);
  if (behaviour === 'fails') return new Error(message);
  if (behaviour === 'flaky' && attempt <= failures) return new Error(message);
  return null;
}
