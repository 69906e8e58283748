import { isTerminal, type RunRecord, type TaskResult } from '@dudousxd/nestjs-durable-core';
import { buildEvent, buildNewRun, NAMESPACE } from '../build.js';
import { choose } from './choose.js';
import type { Command } from './commands.js';
import { SERVES, type StorePair, TOKENS } from './pair.js';
import { TurnBuilder } from './turn-builder.js';

const RUN_IDS = Array.from({ length: 6 }, (_, i) => `r${i}`);
/** Short, so that workers die of a few steps of the clock. */
const LEASE_MS = 200;
const WORKERS = ['w0', 'w1', 'w2'];

type TaskCommand = Extract<
  Command,
  { op: 'takeTasks' | 'extendTasks' | 'returnTasks' | 'markUnserved' | 'completeTasks' }
>;

/** Carries out random operations on a pair of stores. Workers beat before they get work, as the engine's do. */
export class Interpreter {
  readonly #pair: StorePair;
  readonly #turns: TurnBuilder;

  constructor(pair: StorePair) {
    this.#pair = pair;
    this.#turns = new TurnBuilder(pair, RUN_IDS);
  }

  async execute(command: Command): Promise<void> {
    const pair = this.#pair;
    switch (command.op) {
      case 'create':
        return this.#create(command);
      case 'claim':
        return this.#claim(command);
      case 'turn':
        return this.#turns.commit(command);
      case 'heartbeat':
        return this.#beat(choose(WORKERS, command.worker), command.leaseMs);
      case 'advance':
        return pair.setNow(pair.now + command.ms);
      case 'takeOver':
        return this.#takeOver(command.maxCrashes);
      case 'deliver':
      case 'signal':
        return this.#send(command);
      case 'takeTasks':
      case 'extendTasks':
      case 'returnTasks':
      case 'markUnserved':
      case 'completeTasks':
        return this.#work(command);
      default:
        return this.#operate(command);
    }
  }

  async #create({ ids, worker, delayMs, priority }: Extract<Command, { op: 'create' }>) {
    const claim = worker === null ? null : choose(WORKERS, worker);
    if (claim !== null) await this.#beat(claim, LEASE_MS);
    const startAt = delayMs === 0 ? null : this.#pair.now + delayMs;
    const runs = ids.map((pick) => {
      const workflow = pick % 2 === 0 ? 'order' : 'refund';
      return buildNewRun(choose(RUN_IDS, pick), { workflow, startAt, priority, tags: ['t'] });
    });
    await this.#pair.both((store) => store.createRuns({ runs, claim }));
  }

  async #claim({ worker, limit, resync, both }: Extract<Command, { op: 'claim' }>) {
    const serves = both ? SERVES : SERVES.slice(0, 1);
    const id = choose(WORKERS, worker);
    await this.#beat(id, LEASE_MS);
    const request = { worker: id, namespace: NAMESPACE, serves, limit, resync };
    await this.#pair.both((store) => store.claim(request));
  }

  async #beat(worker: string, leaseMs: number) {
    const beat = { worker, namespace: NAMESPACE, leaseMs, serves: SERVES };
    await this.#pair.both((store) => store.heartbeat(beat));
    await this.#pair.both((store) => store.listServed(NAMESPACE));
    await this.#pair.both(async (store) => [...(await store.lastServed(NAMESPACE))].sort());
  }

  async #takeOver(maxCrashes: number) {
    const backoff = { probationFrom: 3, backoffMs: 20, backoffCapMs: 50 };
    await this.#pair.both((store) => store.takeOver({ limit: 1_000, maxCrashes, ...backoff }));
  }

  async #send(command: Extract<Command, { op: 'deliver' | 'signal' }>) {
    if (command.op === 'signal') {
      const token = choose(TOKENS, command.token);
      const messages = command.ids.map((id) => {
        const payload = `"${id} at ${this.#pair.now}"`;
        return { namespace: NAMESPACE, token, id: `s${id}`, payload, ttlMs: command.ttlMs };
      });
      await this.#pair.both((store) => store.signal(messages));
      return;
    }
    const { key, branch } = command;
    const body = { kind: 'cancel', reason: `at ${this.#pair.now}` } as const;
    const messages = command.runs.map((pick) => {
      return { runId: choose(RUN_IDS, pick), branch, key: `k${key}`, body };
    });
    await this.#pair.both((store) => store.deliver(messages));
  }

  async #work(command: TaskCommand) {
    const { tasks } = this.#turns;
    if (command.op === 'takeTasks') {
      const { limit, visibilityMs } = command;
      const request = { worker: 'py', namespace: NAMESPACE, limit, visibilityMs, steps: null };
      await this.#pair.both((store) => store.takeTasks(request));
    } else if (tasks.length === 0) {
      return;
    } else if (command.op === 'extendTasks') {
      const ids = [choose(tasks, command.task).id];
      await this.#pair.both((store) => store.extendTasks(ids, command.visibilityMs));
    } else if (command.op === 'returnTasks') {
      const { afterMs } = command;
      const returns = [{ taskId: choose(tasks, command.task).id, afterMs }];
      await this.#pair.both((store) => store.returnTasks(returns));
    } else if (command.op === 'markUnserved') {
      const ids = [choose(tasks, command.task).id];
      await this.#pair.both((store) => store.markUnserved(ids));
    } else {
      const results = command.tasks.map((pick): TaskResult => {
        const { id: taskId, token, attempt } = choose(tasks, pick);
        const reported = command.isLate ? attempt - 1 : attempt;
        const result = { attempt: reported, ok: true, payload: '"p"', worker: 'py', startedAt: 1 };
        return { taskId, token: command.isForged ? 'forged' : token, result };
      });
      await this.#pair.both((store) => store.completeTasks(results));
    }
  }

  async #operate(
    command: Extract<
      Command,
      {
        op:
          | 'releaseWorker'
          | 'releaseRun'
          | 'beginProbation'
          | 'terminate'
          | 'retry'
          | 'deleteRun'
          | 'purge';
      }
    >,
  ) {
    const pair = this.#pair;
    if (command.op === 'purge') {
      await pair.both((store) => store.purge(command.limit));
      return;
    }
    if (command.op === 'releaseWorker') {
      const worker = choose(WORKERS, command.worker);
      await pair.both((store) => store.releaseWorker(worker));
      return;
    }
    const run = await this.#target(command);
    const runId = run?.id ?? choose(RUN_IDS, command.run);
    switch (command.op) {
      case 'releaseRun':
      case 'beginProbation': {
        const epoch = (run?.epoch ?? 0) - (command.isStale ? 1 : 0);
        const worker = run?.worker ?? 'w0';
        const request = { runId, worker, epoch, crashes: (run?.crashes ?? 0) + 1 };
        if (command.op === 'releaseRun')
          await pair.both((store) => store.releaseRun(runId, worker, epoch));
        else await pair.both((store) => store.beginProbation([request]));
        return;
      }
      case 'terminate': {
        const onlyIf = command.onlyPending ? 'pending' : 'nonTerminal';
        await pair.both((store) => store.terminate({ runId, reason: 'by hand', onlyIf }));
        return;
      }
      case 'retry':
        return this.#retry(runId, run, command);
      case 'deleteRun':
        await pair.both((store) => store.deleteRun(runId));
        return;
      default:
        command satisfies never;
    }
  }

  /** A run to which the operation can be done, if there is one; otherwise any. */
  async #target({ op, run: pick }: { readonly op: string; readonly run: number }) {
    const runs = await this.#pair.runs();
    const suits: Readonly<Record<string, (run: RunRecord) => boolean>> = {
      releaseRun: (run) => run.worker !== null,
      beginProbation: (run) => run.worker !== null,
      terminate: (run) => !isTerminal(run.status),
      retry: (run) => run.status === 'failed' || run.status === 'blocked',
      deleteRun: (run) => isTerminal(run.status),
    };
    const suitable = runs.filter(suits[op] ?? (() => true));
    if (suitable.length > 0 && pick % 4 > 0) return choose(suitable, pick);
    return runs.length > 0 ? choose(runs, pick) : undefined;
  }

  async #retry(
    runId: string,
    run: RunRecord | undefined,
    { events, isStale }: Extract<Command, { op: 'retry' }>,
  ) {
    const branch = run?.branch ?? 0;
    const epoch = (run?.epoch ?? 0) + (isStale ? 1 : 0);
    const kept =
      events === null ? null : Array.from({ length: events }, (_, i) => buildEvent(i + 1));
    await this.#pair.both((store) => store.retry({ runId, branch, epoch, events: kept }));
  }
}
