import {
  InMemoryStateStore,
  InProcessTransport,
  remoteStep,
  type WorkflowCtx,
} from '@dudousxd/nestjs-durable-core';
import { Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DurableStep } from './decorators/durable-step.decorator.js';
import { Workflow } from './decorators/workflow.decorator.js';
import { DurableExplorer } from './durable.explorer.js';
import { checkWiring, DurableWiringError } from './durable.wiring.js';
import type { DurableModuleOptions } from './durable-options.js';

const charge = remoteStep({ name: 'payments.charge', input: z.string(), output: z.string() });

@Workflow({ name: 'checkout', version: '1' })
class CheckoutWorkflow {
  async run(_ctx: WorkflowCtx) {}
}

@Workflow({ name: 'checkout', version: '1' })
class OtherCheckout {
  async run(_ctx: WorkflowCtx) {}
}

@Workflow({ name: 'checkout', version: '2', default: true })
class CheckoutTwo {
  async run(_ctx: WorkflowCtx) {}
}

@Workflow({ name: 'checkout', version: '3', default: true })
class CheckoutThree {
  async run(_ctx: WorkflowCtx) {}
}

class Empty {}
Workflow({ name: 'empty', version: '1' })(Empty as never);

class Stripe {
  @DurableStep(charge)
  async charge(input: string) {
    return input;
  }
}

class Adyen {
  @DurableStep(charge)
  async pay(input: string) {
    return input;
  }
}

class Local {
  @DurableStep('payments.charge')
  async pay() {}
}

@Injectable({ scope: Scope.REQUEST })
class CurrentUser {}

@Workflow({ name: 'perUser', version: '1' })
class PerUserWorkflow {
  constructor(@Inject(CurrentUser) readonly user: CurrentUser) {}
  async run(_ctx: WorkflowCtx) {}
}

@Injectable({ scope: Scope.TRANSIENT })
class TransientSteps {
  @DurableStep()
  async step() {}
}

const store = new InMemoryStateStore();
const withStore: DurableModuleOptions = { store };

async function explore(...modules: Type<unknown>[]) {
  const app = await Test.createTestingModule({
    imports: [DiscoveryModule, ...modules],
    providers: [DurableExplorer],
  }).compile();
  return app.get(DurableExplorer).explore();
}

function moduleOf(name: string, ...providers: Type<unknown>[]): Type<unknown> {
  const moduleClass = { [name]: class {} }[name];
  if (moduleClass === undefined) throw new Error(name);
  Module({ providers })(moduleClass);
  return moduleClass;
}

async function problemsOf(options: DurableModuleOptions, ...modules: Type<unknown>[]) {
  const found = await explore(...modules);
  try {
    checkWiring(found, options);
  } catch (error) {
    if (error instanceof DurableWiringError) return error.fields.problems;
    throw error;
  }
  return [];
}

describe('wiring', () => {
  it('finds workflows and steps in all modules, and nothing wrong with them', async () => {
    const modules = [
      moduleOf('OrdersModule', CheckoutWorkflow, CheckoutTwo),
      moduleOf('PaymentsModule', Stripe, Empty),
    ];
    const found = await explore(moduleOf('OrdersModule', CheckoutWorkflow), moduleOf('P', Stripe));
    expect(found.workflows.map(({ source }) => source)).toEqual([
      'CheckoutWorkflow (OrdersModule)',
    ]);
    expect(found.steps.map(({ source }) => source)).toEqual(['Stripe.charge (P)']);
    expect(await problemsOf(withStore, ...modules)).toHaveLength(1);
  });

  it('calls the method of the instance, with its spies', async () => {
    const [step] = (await explore(moduleOf('P', Stripe))).steps;
    expect(step?.definition).toMatchObject({ name: 'payments.charge', contract: charge });
    expect(step?.definition.token).toBe(Stripe.prototype.charge);
    expect(await step?.definition.invoke('hello' as never, {} as never)).toBe('hello');
  });

  it.each([
    [
      'two workflows of one name and version',
      [moduleOf('A', CheckoutWorkflow), moduleOf('B', OtherCheckout)],
      [
        /"checkout" version "1".*CheckoutWorkflow \(A\) and OtherCheckout \(B\).*another name or version/,
      ],
    ],
    [
      'one workflow in two modules',
      [moduleOf('A', CheckoutWorkflow), moduleOf('B', CheckoutWorkflow)],
      [/CheckoutWorkflow \(A\) and CheckoutWorkflow \(B\).*one module, and export it/],
    ],
    [
      'two default versions',
      [moduleOf('A', CheckoutTwo, CheckoutThree)],
      [/more than one default version: CheckoutTwo \(A\) version "2" and CheckoutThree/],
    ],
    [
      'a contract with two handlers',
      [moduleOf('A', Stripe), moduleOf('B', Adyen)],
      [/Contract "payments.charge".*Stripe.charge \(A\) and Adyen.pay \(B\)/],
    ],
    [
      'a local step with the name of a contract',
      [moduleOf('A', Stripe, Local)],
      [/"payments.charge".*Stripe.charge \(A\) and Local.pay \(A\)/],
    ],
    ['a class without run', [moduleOf('A', Empty)], [/Empty \(A\).*no method run/]],
    [
      'a workflow that depends on a request',
      [moduleOf('A', CurrentUser, PerUserWorkflow)],
      [/PerUserWorkflow \(A\) is request-scoped/],
    ],
    [
      'steps of a transient provider',
      [moduleOf('A', TransientSteps)],
      [/TransientSteps.step \(A\) is request-scoped or transient/],
    ],
    [
      'several at once',
      [moduleOf('A', Empty, Stripe), moduleOf('B', Adyen)],
      [/Empty/, /payments.charge/],
    ],
  ])('refuses %s', async (_name, modules, expected) => {
    const problems = await problemsOf(withStore, ...modules);
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });

  it('refuses a process without store and transport, and names what it cannot run', async () => {
    const [problem, ...others] = await problemsOf({}, moduleOf('A', CheckoutWorkflow, Stripe));
    expect(problem).toMatch(/neither a store nor a transport/);
    expect(problem).toMatch(/CheckoutWorkflow \(A\) and Stripe.charge \(A\)/);
    expect(others).toEqual([]);
  });

  it('refuses workflows in a pure step worker, and lets steps be', async () => {
    const options = { transport: new InProcessTransport() };
    expect(await problemsOf(options, moduleOf('A', Stripe))).toEqual([]);
    const [problem] = await problemsOf(options, moduleOf('B', CheckoutWorkflow));
    expect(problem).toMatch(/CheckoutWorkflow \(B\) is a workflow, and a process without a store/);
  });

  it('counts aliases and shared instances once, where they are provided', async () => {
    class Origin {}
    Module({ providers: [CheckoutWorkflow], exports: [CheckoutWorkflow] })(Origin);
    class Aliases {}
    Module({
      imports: [Origin],
      providers: [
        { provide: 'alias', useExisting: CheckoutWorkflow },
        { provide: 'same', useFactory: (it: unknown) => it, inject: [CheckoutWorkflow] },
      ],
    })(Aliases);
    const { workflows } = await explore(Aliases);
    expect(workflows).toHaveLength(1);
  });

  it('takes what a test puts in the place of a workflow', async () => {
    class Fakes {}
    const fake = { run: async () => 'fake' };
    Module({ providers: [{ provide: CheckoutWorkflow, useValue: fake }] })(Fakes);
    const [found] = (await explore(Fakes)).workflows;
    expect(found?.definition).toMatchObject({ name: 'checkout', token: CheckoutWorkflow });
    expect(await found?.definition.run({} as never, {} as never)).toBe('fake');
  });
});
