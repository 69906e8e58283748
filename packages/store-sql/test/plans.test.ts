import { beforeEach, describe, expect, test } from 'vitest';
import { type Statement, sqlite } from '../src/index.js';
import * as doctor from '../src/statements/doctor.js';
import * as history from '../src/statements/history.js';
import * as inbox from '../src/statements/inbox.js';
import * as ready from '../src/statements/ready.js';
import * as runs from '../src/statements/runs.js';
import * as signals from '../src/statements/signals.js';
import * as tasks from '../src/statements/tasks.js';
import * as workers from '../src/statements/workers.js';
import { newRun, TestStore } from './support/test-store.js';

let opened: TestStore;

beforeEach(async () => {
  opened = await TestStore.open();
  return () => opened.store.close();
});

function planOf(text: string): readonly string[] {
  const rows = opened.driver.database
    .prepare(`explain query plan ${text}`)
    .all(Array.from({ length: text.split('?').length - 1 }, () => null)) as readonly {
    readonly detail: string;
  }[];
  return rows.map(({ detail }) => detail);
}

function isStatement(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

const modules = { doctor, history, inbox, ready, runs, signals, tasks, workers };
const statements = Object.values(modules).flatMap((module) =>
  (Object.values(module) as unknown[]).filter(isStatement),
);
/** Tables that hold a row per process or per workflow, not per run. */
const SMALL = /^SCAN (durable_workers|w)\b/;

describe('query plans on SQLite', () => {
  test.each(statements.map((statement) => [statement.name, statement] as const))(
    '%s reads no table from end to end',
    (_, statement) => {
      const scans = planOf(sqlite.textOf(statement)).filter(
        (step) => step.startsWith('SCAN ') && !/^SCAN (CONSTANT ROW|levels|[ln]\b)/.test(step),
      );
      expect(scans.filter((scan) => !SMALL.test(scan))).toEqual([]);
    },
  );

  test('a claim goes along the index of the ready list and looks runs up by their ids', () => {
    expect(planOf(sqlite.textOf(ready.DUE_ROWS))).toEqual([
      'SEARCH q USING COVERING INDEX durable_ready_due (namespace=? AND queue=? AND priority=? AND wake_at<?)',
      'SEARCH r USING INDEX sqlite_autoindex_durable_runs_1 (id=?) LEFT-JOIN',
    ]);
    expect(planOf(sqlite.textOf(ready.NEXT_WAKE))).toEqual([
      'SEARCH q USING COVERING INDEX durable_ready_due (namespace=? AND queue=? AND priority=?)',
      'SEARCH r USING INDEX sqlite_autoindex_durable_runs_1 (id=?) LEFT-JOIN',
    ]);
  });

  test('wakes are found from the runs that the worker owns', () => {
    const [first] = planOf(sqlite.textOf(ready.OWN_WAKES));
    expect(first).toMatch(/^SEARCH r USING .*INDEX durable_runs_worker \(worker=\?\)/);
  });

  test('a page of runs goes along the index of the list', async () => {
    await opened.store.createRuns({ runs: [newRun('a')], claim: null });
    const texts = await opened.textsOf(() => opened.store.listRuns({ namespace: 'n' }, 10, null));
    const list = texts.find((text) => text.startsWith('select')) ?? '';
    expect(planOf(list)).toEqual(['SEARCH r USING INDEX durable_runs_list (namespace=?)']);
    const next = await opened.textsOf(() => opened.store.listRuns({ namespace: 'n' }, 10, '5:a'));
    expect(planOf(next.find((text) => text.startsWith('select')) ?? '')).toEqual([
      'SEARCH r USING INDEX durable_runs_list (namespace=? AND created_at<?)',
    ]);
  });
});
