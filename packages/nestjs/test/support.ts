import type { RunResult } from '@dudousxd/nestjs-durable-core';
import type { INestApplicationContext } from '@nestjs/common';
import { onTestFinished } from 'vitest';
import { WorkflowService } from '../src/index.js';

/** Initializes an application for the running test, and closes it after. */
export async function boot<A extends INestApplicationContext>(app: A): Promise<A> {
  onTestFinished(() => app.close());
  await app.init();
  return app;
}

/** Starts a run and waits for its end. */
export async function runToEnd(
  app: INestApplicationContext,
  workflow: string,
  input?: unknown,
): Promise<RunResult> {
  const workflows = app.get(WorkflowService);
  const { runId } = await workflows.start(workflow, input);
  return workflows.waitForRun(runId, { timeout: '10s' });
}

/** A promise and its ends. */
export interface Gate<T = void> {
  readonly opened: Promise<T>;
  open(value: T): void;
}

export function makeGate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open: (value) => open(value) };
}
