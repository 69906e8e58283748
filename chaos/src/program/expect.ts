/** What a program has to return, whatever happened on its way. */
import { type Operation, type Output, payloadOf } from './program.js';

/** A step's result as the code has seen it. */
interface SeenResult {
  readonly key: string;
  readonly attempt: number;
  readonly token: string;
}

export interface Comparison {
  /** What is wrong, in words. */
  readonly problems: readonly string[];
  readonly results: readonly SeenResult[];
}

export function compareOutput(operations: readonly Operation[], output: unknown): Comparison {
  const problems: string[] = [];
  const results: SeenResult[] = [];
  const compareList = (expected: readonly Operation[], found: unknown): void => {
    if (!Array.isArray(found) || found.length !== expected.length) {
      problems.push(`${expected.length} outputs expected: ${JSON.stringify(found)}`);
      return;
    }
    for (const [i, operation] of expected.entries()) compareOne(operation, found[i] as Output);
  };
  const compareOne = (operation: Operation, found: Output): void => {
    const wrong = () => problems.push(`${operation.op} ${operation.key}: ${JSON.stringify(found)}`);
    if (found.key !== operation.key) return void wrong();
    switch (operation.op) {
      case 'step':
      case 'block':
      case 'send': {
        if (!('step' in found)) return void wrong();
        const attempts = operation.op === 'step' ? operation.failures + 1 : found.step.attempt;
        if (found.step.attempt !== attempts) wrong();
        const { attempt, token } = found.step;
        results.push({ key: operation.key, attempt, token });
        return;
      }
      case 'fail':
        if (!('failed' in found)) wrong();
        return;
      case 'sleep':
        if (!('slept' in found)) wrong();
        return;
      case 'wait': {
        const payloads = Array.from(
          { length: operation.count },
          (_, i) => payloadOf(operation.token, i).payload,
        );
        if (!('got' in found) || JSON.stringify(found.got) !== JSON.stringify(payloads)) wrong();
        return;
      }
      case 'child':
        if (!('child' in found)) return void wrong();
        if ((found.child === null) !== operation.program.fails) return void wrong();
        // Its steps are compared with the child's own history.
        if (found.child !== null) {
          const child = compareOutput(operation.program.operations, found.child);
          problems.push(...child.problems);
        }
        return;
      case 'all':
        if (!('all' in found)) return void wrong();
        for (const [i, branch] of operation.branches.entries()) compareList(branch, found.all[i]);
        return;
      case 'race': {
        const branch = 'winner' in found ? operation.branches[found.winner] : undefined;
        if (!branch || !('winner' in found)) return void wrong();
        compareList(branch, found.output);
        return;
      }
      default:
        operation satisfies never;
    }
  };
  compareList(operations, output);
  return { problems, results };
}
