import type { WaitingFor } from '../model/run.js';
import type { Operation } from '../replay/operation.js';

/** What a pending operation is doing between the call and its outcome. Replaced as a whole when it changes. */
export type Waiting =
  /** A local step, or a transaction. */
  | {
      readonly is: 'step';
      readonly operation: Operation;
      readonly attempt: number;
      /** `due`: to be started by the next turn or on its way there; `running`; `backoff` until `at`. */
      readonly phase: 'due' | 'running' | 'backoff';
      readonly at: number | null;
      /** Progress the last failed attempt reported, encoded. */
      readonly progress: string | null;
    }
  | {
      readonly is: 'remote';
      readonly operation: Operation;
      readonly attempt: number;
      /** The attempt in the outbox; null while backing off until `at`. */
      readonly taskId: string | null;
      /** End of the back-off; null while an attempt is out. */
      readonly at: number | null;
      /** Progress the last failed attempt reported, encoded. */
      readonly progress: string | null;
    }
  | { readonly is: 'sleep'; readonly operation: Operation; readonly at: number }
  | {
      readonly is: 'signal';
      readonly operation: Operation;
      readonly token: string;
      readonly at: number | null;
    }
  | { readonly is: 'child'; readonly operation: Operation; readonly childRunId: string };

/** Database time at which something has to be done about it, or null if only an event from outside can help. */
export function dueAt(waiting: Waiting): number | null {
  if (waiting.is === 'child') return null;
  return waiting.at;
}

/** Whether this process is at work on it, so that the run cannot be suspended. */
export function isActive(waiting: Waiting): boolean {
  return waiting.is === 'step' && waiting.phase !== 'backoff';
}

/** How the wait is shown to people. */
export function describeWaiting(waiting: Waiting): WaitingFor {
  const { name, position } = waiting.operation;
  const at = dueAt(waiting);
  const until = at === null ? {} : { until: at };
  return { kind: waitingKind(waiting), name, position, ...until };
}

function waitingKind(waiting: Waiting): WaitingFor['kind'] {
  switch (waiting.is) {
    case 'step':
      return 'retry';
    case 'remote':
      return waiting.taskId === null ? 'retry' : 'remote';
    case 'sleep':
      return 'timer';
    case 'signal':
      return 'signal';
    case 'child':
      return 'child';
    default:
      return waiting satisfies never;
  }
}
