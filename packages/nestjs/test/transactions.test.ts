import { defineSignal, InMemoryStateStore, type StateStore } from '@dudousxd/nestjs-durable-core';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DurableModule, Workflow, WorkflowService } from '../src/index.js';
import { boot } from './support.js';

@Workflow({ name: 'wf', version: '1' })
class AnyWorkflow {
  async run() {
    return 'ran';
  }
}

/** Notes what is done inside a transaction, at once, as a synchronous driver does it. */
function noteAtOnce(done: string[]): StateStore {
  const store = new InMemoryStateStore();
  const inside: Pick<StateStore, 'capabilities' | 'createRunsIn' | 'signalIn'> = {
    capabilities: { ...store.capabilities, transactions: true },
    createRunsIn: (transaction, runs) => {
      for (const { id } of runs) done.push(`start ${id} in ${String(transaction)}`);
      if (transaction === 'bad') throw new Error('not this one');
      return [];
    },
    signalIn: (transaction, messages) => {
      for (const { token } of messages) done.push(`signal ${token} in ${String(transaction)}`);
    },
  };
  return new Proxy<StateStore>(store, {
    get(target, key) {
      const source = Reflect.has(inside, key) ? inside : target;
      const value: unknown = Reflect.get(source, key);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

async function start() {
  const done: string[] = [];
  const store = noteAtOnce(done);

  @Module({ imports: [DurableModule.forRoot({ store })], providers: [AnyWorkflow] })
  class AppModule {}

  const app = await boot(await Test.createTestingModule({ imports: [AppModule] }).compile());
  return { done, workflows: app.get(WorkflowService) };
}

describe('WorkflowService inside a transaction', () => {
  it('has done its work when the call returns, as a synchronous driver needs', async () => {
    const { done, workflows } = await start();
    const paid = defineSignal('paid', z.object({ cents: z.number() }));
    const options = { runId: 'r1', transaction: 'tx' };
    const answers = [
      workflows.start(AnyWorkflow, undefined, options),
      workflows.start('wf', undefined, options),
      workflows.signal('go', 1, { transaction: 'tx' }),
      workflows.signal(paid, { cents: 5 }, { transaction: 'tx' }),
    ];
    expect(done).toEqual([
      'start r1 in tx',
      'start r1 in tx',
      'signal go in tx',
      'signal paid in tx',
    ]);
    expect(await Promise.all(answers)).toMatchObject([
      { runId: 'r1', created: true },
      { runId: 'r1', created: true },
      { accepted: true },
      { accepted: true },
    ]);
  });

  it('throws at once what keeps it from doing so', async () => {
    const { done, workflows } = await start();
    const paid = defineSignal('paid', z.object({ cents: z.number() }));
    const call = (work: () => unknown) => expect(work);
    call(() => workflows.start('wf', undefined, { transaction: 'bad' })).toThrow('not this one');
    call(() => workflows.signal(paid, { cents: 'five' as never }, { transaction: 'tx' })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
    expect(done).toHaveLength(1);
  });
});
