import {
  createCodec,
  createSystemRuntime,
  InMemoryStateStore,
  InProcessTransport,
  NotStartedError,
  remoteStep,
  type TransportHost,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import {
  type DynamicModule,
  Global,
  Injectable,
  Module,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import {
  DurableModule,
  DurableStep,
  DurableWiringError,
  Workflow,
  WorkflowService,
} from '../src/index.js';
import { nestLogger } from '../src/nest-logger.js';
import { boot, runToEnd } from './support.js';

const greet = remoteStep({ name: 'greet', input: z.string(), output: z.string() });

@Workflow({ name: 'hello', version: '1' })
class HelloWorkflow {
  async run(ctx: WorkflowCtx, name: string) {
    return ctx.step('greet', () => `Hello ${name}`);
  }
}

@Workflow({ name: 'hello', version: '1' })
class OtherHello {
  async run(_ctx: WorkflowCtx) {}
}

class Greeter {
  @DurableStep(greet)
  async greet(name: string) {
    return `Hello ${name}`;
  }
}

async function compile(imports: (DynamicModule | (new () => object))[], ...providers: Provider[]) {
  const app = await Test.createTestingModule({ imports, providers }).compile();
  onTestFinished(() => app.close());
  return app;
}

const inMemory = () => DurableModule.forRoot({ store: new InMemoryStateStore() });

describe('boot', () => {
  it('is stopped by a wiring that cannot work, with the names of the classes', async () => {
    const app = await compile([inMemory()], HelloWorkflow, OtherHello);
    const init = app.init();
    await expect(init).rejects.toThrow(DurableWiringError);
    await expect(init).rejects.toThrow(/HelloWorkflow .* and OtherHello/);
  });

  it('is stopped by options that make no sense', async () => {
    const odd = DurableModule.forRoot({ store: new InMemoryStateStore(), namespace: '' });
    await expect(compile([odd])).rejects.toMatchObject({ fields: { field: 'namespace' } });
    await expect((await compile([DurableModule.forRoot({})])).init()).rejects.toThrow(
      /neither a store nor a transport/,
    );
  });

  it('is stopped by a second DurableModule', async () => {
    @Module({ imports: [inMemory()] })
    class FeatureModule {}
    const app = await compile([inMemory(), FeatureModule]);
    await expect(app.init()).rejects.toThrow(/imported 2 times/);
  });

  it('passes with a module class that is imported twice', async () => {
    const durable = inMemory();
    @Module({ imports: [durable], providers: [HelloWorkflow] })
    class FeatureModule {}
    const app = await boot(await compile([durable, FeatureModule]));
    expect(await runToEnd(app, 'hello', 'Ada')).toMatchObject({ output: 'Hello Ada' });
  });

  it('takes options from other modules', async () => {
    @Global()
    @Module({
      providers: [{ provide: 'STORE', useFactory: () => new InMemoryStateStore() }],
      exports: ['STORE'],
    })
    class StoreModule {}
    const durable = DurableModule.forRootAsync({
      imports: [StoreModule],
      inject: ['STORE'],
      useFactory: async (store: InMemoryStateStore) => ({ store }),
    });
    const app = await boot(await compile([durable], HelloWorkflow));
    expect(await runToEnd(app, 'hello', 'Ada')).toMatchObject({ output: 'Hello Ada' });
  });
});

describe('WorkflowService', () => {
  it('says so when the application has not been initialized', async () => {
    const app = await compile([inMemory()], HelloWorkflow);
    await expect(app.get(WorkflowService).start('hello', 'Ada')).rejects.toThrow(NotStartedError);
  });

  it('works in the hooks of the application', async () => {
    const runs: string[] = [];

    @Injectable()
    class Warmup implements OnModuleInit {
      constructor(private readonly workflows: WorkflowService) {}

      async onModuleInit() {
        const { runId } = await this.workflows.start(HelloWorkflow, 'Ada');
        runs.push(runId);
      }
    }

    const app = await boot(await compile([inMemory()], HelloWorkflow, Warmup));
    const result = await app.get(WorkflowService).waitForRun(runs[0] ?? '');
    expect(result).toMatchObject({ output: 'Hello Ada' });
  });

  it('refuses what is neither a name nor a workflow', async () => {
    const workflows = (await boot(await compile([inMemory()]))).get(WorkflowService);
    await expect(workflows.start(class {} as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(workflows.start('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_WORKFLOW' });
  });
});

describe('worker: false', () => {
  it('starts and signals runs, and leaves them to others', async () => {
    const store = new InMemoryStateStore();
    const worker = await boot(await compile([DurableModule.forRoot({ store })], HelloWorkflow));
    const api = await boot(await compile([DurableModule.forRoot({ store, worker: false })]));
    const workflows = api.get(WorkflowService);
    const byName = await workflows.start('hello', 'Ada');
    const byClass = await workflows.start(HelloWorkflow, 'Bob');
    expect(await workflows.waitForRun(byName.runId, { timeout: '10s' })).toMatchObject({
      output: 'Hello Ada',
    });
    expect(await worker.get(WorkflowService).waitForRun(byClass.runId)).toMatchObject({
      output: 'Hello Bob',
    });
  });

  it('executes nothing though it provides the workflow', async () => {
    const store = new InMemoryStateStore();
    const durable = DurableModule.forRoot({ store, worker: false });
    const workflows = (await boot(await compile([durable], HelloWorkflow))).get(WorkflowService);
    const { runId } = await workflows.start(HelloWorkflow, 'Ada');
    await expect(workflows.waitForRun(runId, { timeout: 50 })).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
    });
    expect(await workflows.get(runId)).toMatchObject({ status: 'pending', unclaimable: true });
  });
});

describe('a pure step worker', () => {
  it('tells its transport the namespace and the pace that its engines have', async () => {
    const transport = new InProcessTransport();
    const hosts: TransportHost[] = [];
    transport.serve = async (_handlers, _worker, host) => void hosts.push(host);
    const options = { transport, namespace: 'shop', worker: { lease: '8s' } } as const;
    await boot(await compile([DurableModule.forRoot(options)], Greeter));
    await boot(await compile([DurableModule.forRoot({ transport })], Greeter));
    expect(hosts).toMatchObject([
      { namespace: 'shop', livenessMs: 2_000 },
      { namespace: 'default', livenessMs: 5_000 },
    ]);
  });

  it('serves its contracts without a store, and knows no runs', async () => {
    const transport = new InProcessTransport();
    const outputs: string[] = [];
    await transport.bind({
      result: async ({ result }) => void outputs.push(result.payload),
      heartbeat: () => {},
    });
    const app = await boot(await compile([DurableModule.forRoot({ transport })], Greeter));
    const host: TransportHost = {
      codec: createCodec(),
      runtime: createSystemRuntime(nestLogger()),
    };
    const task = {
      id: 't',
      namespace: 'default',
      runId: 'r',
      branch: 0,
      position: 1,
      attempt: 1,
      step: 'greet',
      token: 'k',
      input: host.codec.encode('Ada'),
      idempotencyKey: 'key',
      timeoutMs: null,
      heartbeatTimeoutMs: null,
      priority: 0,
      progress: null,
    };
    expect(await transport.dispatch([task])).toEqual(['dispatched']);
    await expect.poll(() => outputs).toEqual(['"Hello Ada"']);
    await expect(app.get(WorkflowService).start('hello')).rejects.toMatchObject({
      code: 'NO_STORE',
    });
    await app.close();
    expect(await transport.dispatch([task])).toEqual(['unserved']);
  });
});
