/** Interprets programs. */
import { Workflow, WorkflowService } from '@dudousxd/nestjs-durable';
import {
  CancelledError,
  ChildFailedError,
  FatalError,
  type StepContext,
  type StepOptions,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { Inject } from '@nestjs/common';
import {
  type Operation,
  type Output,
  type Program,
  payloadOf,
  type Site,
} from '../program/program.js';
import { REMOTE_STEPS } from './remote-steps.js';
import { StepBodies, type StepResult } from './step-bodies.js';

/** Longer than any outage. */
const PATIENT: StepOptions = {
  retry: { maxAttempts: 1_000, initialDelay: 100, factor: 1.5, maxDelay: 1_000 },
};

/** What the function of a step has to do, and where: here if there is no site. */
interface Work {
  readonly key: string;
  readonly ms: number;
  readonly failures: number;
  readonly site: Site | undefined;
}

@Workflow({ name: 'program', version: '1' })
export class ProgramWorkflow {
  readonly #bodies: StepBodies;
  readonly #workflows: WorkflowService;

  constructor(
    @Inject(StepBodies) bodies: StepBodies,
    @Inject(WorkflowService) workflows: WorkflowService,
  ) {
    this.#bodies = bodies;
    this.#workflows = workflows;
  }

  async run(ctx: WorkflowCtx, { operations, fails }: Program): Promise<readonly Output[]> {
    const output = await this.#list(ctx, operations);
    if (fails) throw new FatalError('this program is meant to fail');
    return output;
  }

  async #list(ctx: WorkflowCtx, operations: readonly Operation[]): Promise<readonly Output[]> {
    const outputs: Output[] = [];
    for (const operation of operations) outputs.push(await this.#one(ctx, operation));
    return outputs;
  }

  async #one(ctx: WorkflowCtx, operation: Operation): Promise<Output> {
    const { key } = operation;
    switch (operation.op) {
      case 'step':
        return { key, step: await this.#step(ctx, operation) };
      case 'fail':
        return { key, failed: await this.#failing(ctx, operation) };
      case 'block': {
        const { ms } = operation;
        const block = () => this.#bodies.blockOnce(ms, ctx.runId);
        return { key, step: await this.#call(ctx, key, block) };
      }
      case 'sleep':
        await ctx.sleep(operation.ms);
        return { key, slept: true };
      case 'wait':
        return { key, got: await this.#wait(ctx, operation.token, operation.count) };
      case 'send':
        return { key, step: await this.#send(ctx, key, operation.token) };
      case 'child':
        return { key, child: await this.#child(ctx, key, operation.program) };
      case 'all':
        return { key, all: await this.#all(ctx, operation) };
      case 'race':
        return { key, ...(await this.#race(ctx, operation)) };
      default:
        return operation satisfies never;
    }
  }

  #call(
    ctx: WorkflowCtx,
    key: string,
    work: (step: StepContext) => Promise<void>,
    options: StepOptions = {},
  ): Promise<StepResult> {
    const body = (step: StepContext) =>
      this.#bodies.run({ run: ctx.runId, key, step }, () => work(step));
    return ctx.step(key, body, options);
  }

  #step(
    ctx: WorkflowCtx,
    { key, ms, failures, site }: Extract<Operation, { op: 'step' }>,
  ): Promise<StepResult> {
    const retry = { maxAttempts: failures + 1, initialDelay: 20, maxDelay: 200 };
    return this.#work(ctx, { key, ms, failures, site }, { retry });
  }

  #work(
    ctx: WorkflowCtx,
    { key, ms, failures, site }: Work,
    options: StepOptions,
  ): Promise<StepResult> {
    if (site !== undefined) {
      return ctx.remote(REMOTE_STEPS[site], { run: ctx.runId, key, ms, failures }, options);
    }
    return this.#call(ctx, key, (step) => this.#bodies.work(ms, failures, step), options);
  }

  async #failing(
    ctx: WorkflowCtx,
    { key, site }: Extract<Operation, { op: 'fail' }>,
  ): Promise<string> {
    const retry = { maxAttempts: 2, initialDelay: 10 };
    try {
      await this.#work(ctx, { key, ms: 1, failures: 2, site }, { retry });
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      return String(error);
    }
    throw new FatalError(`step ${key} was meant to fail`);
  }

  async #wait(ctx: WorkflowCtx, token: string, count: number): Promise<readonly unknown[]> {
    const got: unknown[] = [];
    while (got.length < count) got.push(await ctx.waitForSignal(token));
    return got;
  }

  #send(ctx: WorkflowCtx, key: string, token: string): Promise<StepResult> {
    const { id, payload } = payloadOf(token, 0);
    const send = async () => void (await this.#workflows.signal(token, payload, { id }));
    return this.#call(ctx, key, send, PATIENT);
  }

  async #child(ctx: WorkflowCtx, key: string, program: Program): Promise<readonly Output[] | null> {
    const runId = `${ctx.runId}:${key}`;
    try {
      return await ctx.child(ProgramWorkflow, program, { runId });
    } catch (error) {
      if (error instanceof ChildFailedError) return null;
      throw error;
    }
  }

  #all(
    ctx: WorkflowCtx,
    { key, native, branches }: Extract<Operation, { op: 'all' | 'race' }>,
  ): Promise<readonly (readonly Output[])[]> {
    const work = branches.map((branch) => () => this.#list(ctx, branch));
    return native ? Promise.all(work.map((run) => run())) : ctx.all(key, work);
  }

  #race(
    ctx: WorkflowCtx,
    { key, native, branches }: Extract<Operation, { op: 'all' | 'race' }>,
  ): Promise<{ readonly winner: number; readonly output: readonly Output[] }> {
    const work = branches.map((branch, winner) => async () => ({
      winner,
      output: await this.#list(ctx, branch),
    }));
    return native ? Promise.race(work.map((run) => run())) : ctx.race(key, work);
  }
}
