import { describe, expect, it } from 'vitest';
import type { Program, ProgramNode, StepNode } from '../program.js';
import { ANY, differs, differsFromError, evaluate } from './evaluate.js';

const step = (id: number, more: Partial<StepNode> = {}): StepNode => ({
  t: 'step',
  id,
  behaviour: 'ok',
  failures: 0,
  attempts: 3,
  delayMs: 0,
  bodyMs: 0,
  ...more,
});

const program = (root: ProgramNode): Program => ({ key: 'p', root });

describe('evaluate', () => {
  it('counts the failed attempts of a step, and how often the run has come to it', () => {
    const body = step(4, { behaviour: 'flaky', failures: 2 });
    expect(evaluate(program({ t: 'loop', times: 2, body }), 'p')).toEqual({
      ok: true,
      value: [
        { n: 4, o: 0, a: 3, x: ANY },
        { n: 4, o: 1, a: 3, x: ANY },
      ],
    });
  });

  it('fails with the last attempt of a step that has no more', () => {
    const fails = program(step(1, { behaviour: 'flaky', failures: 2, attempts: 2 }));
    expect(evaluate(fails, 'p')).toEqual({ ok: false, error: ['Error', 'boom 1:0:2', undefined] });
  });

  it('goes through catch and finally', () => {
    const body = step(1, { behaviour: 'fatal' });
    const root: ProgramNode = { t: 'try', body, handler: step(2), cleanup: step(3) };
    const outcome = evaluate(program(root), 'p');
    const caught = JSON.stringify(['FatalError', 'boom 1:0:1', null]);
    const value = outcome?.ok === true ? outcome.value : null;
    expect(differs(value, [caught, { n: 2, o: 0, a: 1, x: 'x9' }])).toBeNull();
    expect(differs(value, [caught, { n: 2, o: 0, a: 2, x: 'x9' }])).toContain('.a is 2');
  });

  it('says nothing where the schedule decides', () => {
    const branches = [step(1), step(2)];
    const race = { t: 'group', id: 3, mode: 'race', branches, width: null } as const;
    const failing = branches.map((node) => ({ ...node, behaviour: 'fails' as const }));
    expect(evaluate(program(race), 'p')).toBeNull();
    expect(evaluate(program({ ...race, mode: 'all', branches: failing }), 'p')).toBeNull();
    expect(evaluate(program({ t: 'signal', id: 1, token: 't', timeoutMs: 5 }), 'p')).toBeNull();
  });

  it('knows the error of a failed child by its cause', () => {
    const child = { key: 'c', root: step(1, { behaviour: 'fails', attempts: 1 }) };
    const root = {
      t: 'child',
      id: 2,
      style: 'call',
      closePolicy: 'cancel',
      program: child,
    } as const;
    const outcome = evaluate(program(root), 'p');
    if (outcome?.ok !== false) expect.fail('it does not fail');
    const actual = JSON.stringify(['ChildFailedError', 'any words', 'boom 1:0:1']);
    expect(differsFromError(outcome.error, actual)).toBeNull();
    const other = JSON.stringify(['ChildFailedError', 'any words', 'boom 1:0:2']);
    expect(differsFromError(outcome.error, other)).not.toBeNull();
  });
});
