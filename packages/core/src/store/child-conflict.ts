import { createCodec } from '../codec/codec.js';
import { RunConflictError } from '../errors/errors.js';
import type { NewRun, RunOutcome, RunRecord } from '../model/run.js';

const codec = createCodec();

/**
 * What a parent is told when its child cannot start because another run has the child's id: a failed outcome with a
 * `RunConflictError`. The same text on every store: its stack is its message, as it was thrown nowhere.
 */
export function childConflictOutcome(child: NewRun, existing: RunRecord): RunOutcome {
  const error = new RunConflictError({ runId: child.id, ...differenceOf(child, existing) });
  const stack = `${error.name}: ${error.message}`;
  Object.defineProperty(error, 'stack', { value: stack, enumerable: false });
  return { status: 'failed', output: null, error: codec.encodeError(error), reason: null };
}

type Difference = Pick<RunConflictError['fields'], 'differs' | 'existing' | 'asked'>;

function differenceOf(child: NewRun, existing: RunRecord): Difference {
  for (const differs of ['workflow', 'version'] as const) {
    if (child[differs] === existing[differs]) continue;
    return { differs, existing: existing[differs], asked: child[differs] };
  }
  if (child.inputDigest !== existing.inputDigest) return { differs: 'input' };
  return {
    differs: 'parent',
    existing: existing.parent?.runId ?? 'none',
    asked: child.parent?.runId ?? 'none',
  };
}
