import type { Statement } from '../../src/index.js';
import * as history from '../../src/statements/history.js';
import * as inbox from '../../src/statements/inbox.js';
import * as outbox from '../../src/statements/outbox.js';
import * as ready from '../../src/statements/ready.js';
import * as runs from '../../src/statements/runs.js';
import * as signals from '../../src/statements/signals.js';
import * as tasks from '../../src/statements/tasks.js';
import * as workers from '../../src/statements/workers.js';

function isStatement(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** Every statement of the store that is not made for a call. */
export const allStatements: readonly Statement[] = [
  ...[history, inbox, outbox, ready, runs, signals, tasks, workers].flatMap((module) =>
    (Object.values(module) as unknown[]).filter(isStatement),
  ),
  tasks.visibleTasks(0),
  tasks.visibleTasks(2),
  tasks.nextVisible(0),
];
