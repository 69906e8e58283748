import { createCodec } from '../codec/codec.js';
import { RunConflictError } from '../errors/errors.js';
import type { NewRun, ParentRef, RunOutcome, RunRecord } from '../model/run.js';

const codec = createCodec();

/**
 * Whether a run that has the id of a child is that child, started before by the same operation of the parent. The branch
 * makes no difference: a parent that is retried finds the children that it starts under ids of its own.
 */
export function isSameChild(child: NewRun, existing: RunRecord): boolean {
  return (
    existing.parent?.runId === child.parent?.runId &&
    existing.parent?.position === child.parent?.position &&
    existing.workflow === child.workflow &&
    existing.inputDigest === child.inputDigest
  );
}

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
  const [has, asks] = [existing.parent, child.parent];
  if (has && has.runId === asks?.runId) {
    const operation = ({ runId, position }: ParentRef): string =>
      `operation ${position} of ${runId}`;
    return { differs: 'parent', existing: operation(has), asked: operation(asks) };
  }
  return { differs: 'parent', existing: has?.runId ?? 'none', asked: asks?.runId ?? 'none' };
}
