/** What the engine has recorded of a run, beside the bodies of steps that have really begun in the processes. */
import type { Program } from './program.js';
import type { Entry } from './shop.js';

export interface Row {
  /** Since the demo began. */
  readonly beganMs: number;
  /** Until the outcome was recorded; nothing was, where it is missing. */
  readonly tookMs?: number;
  readonly kind: string;
  readonly name: string;
  /** The process in which the body ran; what has no body is done by the engine. */
  readonly program?: Program;
  /** Of what has a body: under which key it calls others. */
  readonly key?: string;
  readonly outcome: string;
}

/** What became of a run, from top to bottom. */
export function rowsOf(
  runId: string,
  entries: readonly Entry[],
  programs: readonly Program[],
  since: number,
): readonly Row[] {
  return entries.flatMap((entry): readonly Row[] => {
    const { kind, name, position, startedAt, endedAt } = entry;
    const began = Date.parse(startedAt);
    const row = {
      beganMs: began - since,
      tookMs: Math.max(0, Date.parse(endedAt) - began),
      kind,
      name,
      outcome: outcomeOf(entry),
    };
    if (kind !== 'step' && kind !== 'remote') return [row];
    const key = `default:${runId}:0:${position}`;
    const bodies = bodiesOf(key, programs);
    const cutShort = bodies.slice(0, -1).map(({ program, at }) => ({
      beganMs: at - since,
      kind,
      name,
      program,
      key,
      outcome: 'cut short',
    }));
    const program = bodies.at(-1)?.program;
    if (program === undefined) throw new Error(`nobody has logged a step with key ${key}`);
    return [...cutShort, { ...row, program, key }];
  });
}

/** The calls of a step's body, in whatever process, the oldest first. */
function bodiesOf(key: string, programs: readonly Program[]) {
  const bodies = programs.flatMap((program) =>
    program.bodies.filter((body) => body.key === key).map(({ at }) => ({ program, at })),
  );
  return bodies.toSorted((a, b) => a.at - b.at);
}

function outcomeOf({ outcome, reason }: Entry): string {
  return outcome === 'completed' ? 'recorded' : `failed, ${reason ?? 'for no reason'}`;
}
