/** Runs a program on a `WorkflowCtx`: the one workflow function that every simulated engine registers. */
import type { RemoteStep, Signal, StepContext, WorkflowCtx } from '@dudousxd/nestjs-durable-core';
import {
  type ChildNode,
  type GroupNode,
  HANG_TIMEOUT_MS,
  type LeafNode,
  type Program,
  type ProgramNode,
  type PureNode,
  type SignalNode,
  type StepNode,
} from './program.js';

/** Which execution of which node: what a step's body is told, and what its value starts with. */
export interface Visit {
  readonly node: number;
  /** How often the run has come to this node before. */
  readonly occurrence: number;
}

/** What a body needs to know of its node. */
export interface BodySpec extends Visit {
  readonly runId: string;
  readonly behaviour: StepNode['behaviour'];
  readonly failures: number;
  readonly bodyMs: number;
}

/** What workflow code saw of one operation. */
export interface Seen extends Visit {
  readonly ok: boolean;
  /** JSON of the value, or of the error's name and message. */
  readonly value: string;
}

/** The world around a program. */
export interface ProgramHost {
  readonly contract: RemoteStep<BodySpec, unknown>;
  readonly childWorkflow: string;
  /** A value that no two calls share, so that anything that is made twice shows. */
  nonce(): string;
  /** A local step's body. */
  body(spec: BodySpec, step: StepContext): unknown;
  /** A schema that accepts everything after a while. */
  slowSchema(ms: number): NonNullable<Signal<unknown>['schema']>;
  /** The code is about to ask for the operation of a node. */
  asking(visit: Visit): void;
  see(seen: Seen): void;
}

/** What a race tells the code around it. */
interface Won {
  readonly winner: number;
  readonly value: unknown;
}

/** What an error looks like to the program: its kind and its words, no stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(['thrown', error]);
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return JSON.stringify([error.name, error.message, cause]);
}

/** Runs `program` and returns its value. */
export function runProgram(
  ctx: WorkflowCtx,
  program: Program,
  host: ProgramHost,
): Promise<unknown> {
  return new Interpreter(ctx, host).run(program.root);
}

class Interpreter {
  private readonly ctx: WorkflowCtx;
  private readonly host: ProgramHost;
  private readonly visits = new Map<number, number>();

  constructor(ctx: WorkflowCtx, host: ProgramHost) {
    this.ctx = ctx;
    this.host = host;
  }

  async run(node: ProgramNode): Promise<unknown> {
    switch (node.t) {
      case 'seq': {
        const values: unknown[] = [];
        for (const part of node.nodes) values.push(await this.run(part));
        return values;
      }
      case 'group':
        return this.group(node);
      case 'try':
        return this.attempt(node.body, node.handler, node.cleanup);
      case 'loop': {
        const values: unknown[] = [];
        for (let i = 0; i < node.times; i += 1) values.push(await this.run(node.body));
        return values;
      }
      case 'choice': {
        const won = (await this.group(node.race)) as Won;
        return [won, await this.run(node.cases[won.winner % node.cases.length] as ProgramNode)];
      }
      case 'winnerLoop': {
        const won = (await this.group(node.race)) as Won;
        const values: unknown[] = [won];
        for (let i = 0; i <= won.winner; i += 1) values.push(await this.run(node.body));
        return values;
      }
      case 'detach':
        this.run(node.body).catch(ignoreDetached);
        return 'detached';
      case 'throw':
        throw new Error(`thrown by node ${node.id}`);
      default:
        return this.leaf(node);
    }
  }

  private async attempt(
    body: ProgramNode,
    handler: ProgramNode | null,
    cleanup: ProgramNode | null,
  ): Promise<unknown> {
    try {
      return await this.run(body);
    } catch (error) {
      if (handler === null) throw error;
      return [describeError(error), await this.run(handler)];
    } finally {
      if (cleanup !== null) await this.run(cleanup);
    }
  }

  private group(node: GroupNode): Promise<unknown> {
    const { ctx } = this;
    const name = `g${node.id}`;
    const bounds = node.width === null ? {} : { concurrency: node.width };
    const plain = () => node.branches.map((branch) => this.run(branch));
    const racing = () => node.branches.map((branch, winner) => this.runBranch(branch, winner));
    switch (node.mode) {
      case 'all':
        return Promise.all(plain());
      case 'race':
        return Promise.race(racing());
      case 'any':
        return Promise.any(racing());
      case 'allSettled':
        return Promise.allSettled(plain()).then((all) => all.map(plainSettlement));
      case 'ctxAll':
        return ctx.all(
          name,
          node.branches.map((branch) => () => this.run(branch)),
          bounds,
        );
      case 'ctxRace':
        return ctx.race(
          name,
          node.branches.map((branch, winner) => () => this.runBranch(branch, winner)),
        );
      case 'ctxMap':
        return ctx.map(name, node.branches, (branch) => this.run(branch), bounds);
      case 'ctxScope':
        return ctx.scope(name, () => Promise.all(plain()));
    }
  }

  private async runBranch(branch: ProgramNode, winner: number): Promise<Won> {
    return { winner, value: await this.run(branch) };
  }

  private async leaf(node: LeafNode): Promise<unknown> {
    const occurrence = this.visits.get(node.id) ?? 0;
    this.visits.set(node.id, occurrence + 1);
    const visit = { node: node.id, occurrence };
    this.host.asking(visit);
    try {
      const value = await this.ask(node, visit);
      this.host.see({ ...visit, ok: true, value: JSON.stringify(value) ?? 'undefined' });
      return value;
    } catch (error) {
      this.host.see({ ...visit, ok: false, value: describeError(error) });
      throw error;
    }
  }

  private ask(node: LeafNode, visit: Visit): unknown {
    const { ctx } = this;
    switch (node.t) {
      case 'step': {
        const spec = this.spec(node, visit);
        return ctx.step(`n${node.id}`, (step) => this.host.body(spec, step), optionsOf(node));
      }
      case 'remote':
        return ctx.remote(this.host.contract, this.spec(node, visit), optionsOf(node));
      case 'sleep':
        return ctx.sleep(node.ms);
      case 'signal':
        return ctx.waitForSignal(
          this.signal(node),
          node.timeoutMs === null ? {} : { timeout: node.timeoutMs },
        );
      case 'child':
        return this.child(node, visit);
      case 'pure':
        return this.pure(node);
    }
  }

  private signal({ token, checkMs }: SignalNode): string | Signal<unknown> {
    if (checkMs == null) return token;
    return { kind: 'durable.signal', name: token, schema: this.host.slowSchema(checkMs) };
  }

  private spec({ behaviour, failures, bodyMs }: StepNode, visit: Visit): BodySpec {
    return { ...visit, runId: this.ctx.runId, behaviour, failures, bodyMs };
  }

  private child({ style, closePolicy, program }: ChildNode, visit: Visit): Promise<unknown> {
    const { ctx, host } = this;
    const options = { runId: `${ctx.runId}.${visit.node}-${visit.occurrence}`, closePolicy };
    const input = { program: program.key };
    if (style === 'call') return ctx.child(host.childWorkflow, input, options);
    return ctx
      .startChild(host.childWorkflow, input, options)
      .then((handle) => (style === 'leave' ? handle.runId : handle.result()));
  }

  private pure({ op, id }: PureNode): unknown {
    const { ctx } = this;
    switch (op) {
      case 'now':
        return ctx.now().getTime();
      case 'random':
        return ctx.random();
      case 'uuid':
        return ctx.uuid();
      case 'sideEffect':
        return ctx.sideEffect(() => this.host.nonce());
      case 'patched':
        return ctx.patched(`p${id}`);
      case 'cancelled':
        return ctx.cancelled;
    }
  }
}

function ignoreDetached(): void {
  // What a detached operation does is seen by the host; its failure is nobody's.
}

function optionsOf({ attempts, delayMs, behaviour }: StepNode) {
  return {
    retry: { maxAttempts: attempts, initialDelay: delayMs, factor: 1, jitter: 'full' as const },
    ...(behaviour === 'hangs' ? { timeout: HANG_TIMEOUT_MS } : {}),
  };
}

function plainSettlement(settled: PromiseSettledResult<unknown>): unknown {
  return settled.status === 'fulfilled'
    ? { ok: settled.value }
    : { error: describeError(settled.reason) };
}
