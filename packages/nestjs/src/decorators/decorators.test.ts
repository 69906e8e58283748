import { InvalidArgumentError, remoteStep } from '@dudousxd/nestjs-durable-core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DurableStep, stepMethodsOf } from './durable-step.decorator.js';
import { Workflow, workflowOptionsOf } from './workflow.decorator.js';

const contract = remoteStep({ name: 'pay', input: z.string(), output: z.string() });

class Base {
  @DurableStep(contract)
  async pay(input: string) {
    return input;
  }

  @DurableStep('named')
  named() {}

  plain() {}
}

class Derived extends Base {
  override async pay(input: string) {
    return `derived ${input}`;
  }

  @DurableStep()
  own() {}
}

describe('@DurableStep', () => {
  it('records contract and name per method, and leaves others alone', () => {
    expect(stepMethodsOf(Base.prototype)).toEqual([
      { key: 'pay', contract, name: 'pay' },
      { key: 'named', name: 'named' },
    ]);
  });

  it('is inherited, overrides included, and does not leak into the base class', () => {
    const keys = stepMethodsOf(Derived.prototype).map(({ key }) => key);
    expect(keys.sort()).toEqual(['named', 'own', 'pay']);
    expect(stepMethodsOf(Base.prototype)).toHaveLength(2);
  });

  it('survives decorators that replace the method', () => {
    const wrap = (_target: object, _key: string, descriptor: PropertyDescriptor) => {
      descriptor.value = () => 'wrapped';
    };
    class Wrapped {
      @wrap
      @DurableStep()
      method() {}
    }
    expect(stepMethodsOf(Wrapped.prototype)).toEqual([{ key: 'method' }]);
  });

  it('refuses static methods and things that are no contract', () => {
    expect(() => {
      class Statics {
        @DurableStep()
        static method() {}
      }
      return Statics;
    }).toThrow(InvalidArgumentError);
    expect(() => DurableStep({ name: 'x' } as never)).toThrow(/remoteStep/);
  });
});

describe('@Workflow', () => {
  it('records its options on the class', () => {
    @Workflow({ name: 'checkout', version: '1' })
    class Checkout {
      async run() {}
    }
    class Special extends Checkout {}
    expect(workflowOptionsOf(Checkout)).toEqual({ name: 'checkout', version: '1' });
    expect(workflowOptionsOf(Special)).toEqual({ name: 'checkout', version: '1' });
    expect(workflowOptionsOf(class {})).toBeUndefined();
    expect(workflowOptionsOf('checkout')).toBeUndefined();
  });
});
