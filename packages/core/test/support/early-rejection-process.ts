/** A process whose workflow has a helper that rejects before it is awaited. With `foreign`, it rejects by itself, too. */
import { DurableEngine, InMemoryStateStore, type WorkflowCtx } from '../../src/index.js';

async function wf(ctx: WorkflowCtx): Promise<unknown> {
  const helper = async () => {
    await ctx.step('fast', () => Promise.reject(new Error('early')), { retries: 0 });
  };
  const early = helper();
  await ctx.step('slow', () => new Promise((resolve) => setTimeout(resolve, 30)));
  return early.catch((error: Error) => error.message);
}

const engine = new DurableEngine({ store: new InMemoryStateStore() });
engine.registerWorkflow({ name: 'wf', version: '1', run: wf, source: 'wf' });
await engine.start();
const { runId } = await engine.startRun('wf', null);
const result = await engine.waitForRun(runId);
process.stdout.write(`${JSON.stringify(result)}\n`);
if (process.argv[2] === 'foreign') void Promise.reject(new Error('not of a workflow'));
await new Promise((resolve) => setImmediate(resolve));
process.stdout.write('alive\n');
await engine.stop();
