import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidArgumentError, SchemaValidationError } from '../errors/errors.js';
import type { StepContext } from '../workflow/context.js';
import type { StepDefinition } from '../workflow/definition.js';
import { remoteStep } from '../workflow/remote-step.js';
import { contractHandler } from './contract-handler.js';

const step: StepContext = {
  idempotencyKey: 'k',
  attempt: 1,
  signal: new AbortController().signal,
  heartbeat: () => {},
};

const contract = remoteStep({
  name: 'reports.build',
  input: z.object({ day: z.string(), currency: z.string().default('EUR') }),
  output: z.object({ bytes: z.string().transform(Number) }),
});

function handlerOf(invoke: StepDefinition['invoke']) {
  return contractHandler({ name: contract.name, contract, invoke, source: 'Reports.build' });
}

describe('contractHandler', () => {
  it('calls with the parsed input and gives back what the handler returned', async () => {
    const seen: unknown[] = [];
    const handler = handlerOf((input: unknown, context) => {
      seen.push(input, context);
      return { bytes: '12' };
    });
    expect(handler.name).toBe('reports.build');
    expect(await handler.invoke({ day: 'Monday' }, step)).toEqual({ bytes: '12' });
    expect(seen).toEqual([{ day: 'Monday', currency: 'EUR' }, step]);
  });

  it('does not call with an input that does not fit', async () => {
    let called = false;
    const handler = handlerOf(() => {
      called = true;
      return { bytes: '12' };
    });
    const call = handler.invoke({ day: 5 }, step);
    await expect(call).rejects.toThrow(SchemaValidationError);
    await expect(call).rejects.toMatchObject({ fields: { side: 'input' } });
    await expect(call).rejects.toThrow(/day/);
    expect(called).toBe(false);
  });

  it('refuses an output that does not fit, with the field', async () => {
    const handler = handlerOf(() => ({ bytes: 12 }));
    const call = handler.invoke({ day: 'Monday' }, step);
    await expect(call).rejects.toMatchObject({ fields: { side: 'output' } });
    await expect(call).rejects.toThrow(/bytes/);
  });

  it('lets errors of the handler and of a broken schema through', async () => {
    const broken = handlerOf(() => {
      throw new RangeError('no paper');
    });
    await expect(broken.invoke({ day: 'Monday' }, step)).rejects.toThrow(
      new RangeError('no paper'),
    );
  });

  it('needs a contract', () => {
    const definition = { name: 'local', invoke: () => 1, source: 'Reports.local' };
    expect(() => contractHandler(definition)).toThrow(InvalidArgumentError);
    expect(() => contractHandler(definition)).toThrow(/Reports\.local/);
  });
});
