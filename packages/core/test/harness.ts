import { afterEach } from 'vitest';
import {
  createSystemRuntime,
  DurableEngine,
  type EngineOptions,
  InMemoryStateStore,
  type RunStatus,
  type StepDefinition,
  type WorkflowCtx,
} from '../src/index.js';
import { ElsewhereTransport } from './support/elsewhere.js';

const engines: DurableEngine[] = [];

/** The process's own clock and timers, without log lines: for tests whose warnings are what they are about. */
export const quietRuntime = createSystemRuntime({
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
});

afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
});

type Body = (ctx: WorkflowCtx, input: never) => Promise<unknown>;

export interface TestEngine extends Partial<EngineOptions> {
  readonly workflows: Readonly<Record<string, Body>>;
  readonly steps?: readonly StepDefinition[];
  readonly version?: string;
}

/** Whether another process is to have the code: the tests of the project 'core-elsewhere' (vitest.workspace.ts). */
function codeIsElsewhere({ transport, worker }: Partial<EngineOptions>): boolean {
  const { WORKFLOW_CODE } = process.env;
  return WORKFLOW_CODE === 'elsewhere' && transport === undefined && worker !== false;
}

/** An engine that is not started, and not stopped after the test. Workflows are registered under version '1'. */
export function createEngine(options: TestEngine): DurableEngine {
  const { workflows, steps = [], version = '1', ...rest } = options;
  const elsewhere = codeIsElsewhere(rest) ? new ElsewhereTransport() : null;
  const engine = new DurableEngine({
    store: new InMemoryStateStore(),
    worker: { maxPoll: 50 },
    ...(elsewhere === null ? {} : { transport: elsewhere }),
    ...rest,
  });
  if (elsewhere !== null) {
    elsewhere.serveElsewhere(workflows, version);
  } else {
    for (const [name, run] of Object.entries(workflows)) {
      engine.registerWorkflow({ name, version, run, source: name });
    }
  }
  for (const step of steps) engine.registerStep(step);
  return engine;
}

/** As `createEngine`, started, and stopped after the test. */
export async function startEngine(options: TestEngine): Promise<DurableEngine> {
  const engine = createEngine(options);
  await engine.start();
  engines.push(engine);
  return engine;
}

/** Starts a run of `wf` and waits for its end. */
export async function runToEnd(engine: DurableEngine, input: unknown = null) {
  const { runId } = await engine.startRun('wf', input);
  return engine.waitForRun(runId, { timeout: '10s' });
}

/** Polls until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until the run has this status. */
export async function hasStatus(engine: DurableEngine, runId: string, status: RunStatus) {
  await until(async () => (await engine.getRun(runId)).status === status);
}

/** Kills an engine as a dying process would, and starts another on the same store that takes its runs over at once. */
export async function crashAndTakeOver(
  engine: DurableEngine,
  next: TestEngine & { readonly store: InMemoryStateStore },
): Promise<DurableEngine> {
  engine.kill();
  engines.splice(engines.indexOf(engine), 1);
  return startEngine({ worker: { maxPoll: 20, lease: 150, heartbeat: 50 }, ...next });
}
