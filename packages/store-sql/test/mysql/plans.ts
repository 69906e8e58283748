import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MySqlDialect } from '../../src/dialect/mysql.js';
import { allStatements } from '../support/statements.js';
import { explain, fillTables, formsOf, type PlanStep } from './explain.js';
import { MySqlDatabase } from './mysql-database.js';

/** Tables that hold a row per process or are read from their start only, and the parts that a query makes itself. */
const SMALL =
  /^(durable_workers|w|durable_outbox|o|i|due|<derived\d+>|<union[\d,]+>|<subquery\d+>)$/;

/** Statements that put a few rows in order which an index has found, none of them on the way of a turn. */
const SORTS = new Set([
  'lines', // the first of a mailbox
  'receivableMessages', // of one run
  'livingChildren', // of one run
  'ownWakes', // due ones of one worker
  'lockOwnWakes',
  'expiredWorkers',
  'nextExpiry', // of the workers
  'expiredSignals', // for a purge
  'visibleTasks', // by priority; only what is taken is locked
  'readyPriorities', // as many as there are priorities
]);

function isScan({ table, type }: PlanStep): boolean {
  return table !== null && !SMALL.test(table) && (type === 'ALL' || type === 'index');
}

function isSort({ table, Extra }: PlanStep): boolean {
  return table !== 'i' && /filesort|temporary|join buffer|hash join/i.test(Extra ?? '');
}

/** Where the tables have thousands of rows, every statement goes along an index. */
export function describePlans(server: string, dialect: MySqlDialect): void {
  describe('query plans', () => {
    let database: MySqlDatabase;
    const plans = new Map<string, readonly PlanStep[]>();

    beforeAll(async () => {
      database = await MySqlDatabase.create(server);
      await database.migrate();
      await database.with(async (connection) => {
        await fillTables(connection);
        for (const statement of allStatements) {
          for (const [form, batch] of Object.entries(formsOf(dialect, statement))) {
            const name = `${statement.name} (${form})`;
            plans.set(
              name,
              await explain(connection, batch).catch((cause: unknown) => {
                throw new Error(`${name} cannot be explained: ${batch.text}`, { cause });
              }),
            );
          }
        }
      });
    }, 120_000);
    afterAll(() => database.drop());

    const forms = allStatements.flatMap((statement) =>
      Object.keys(formsOf(dialect, statement)).map((form) => [statement.name, form] as const),
    );
    test.each(forms)('%s (%s) reads no table from end to end', (name, form) => {
      const steps = plans.get(`${name} (${form})`) ?? [];
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.filter(isScan)).toEqual([]);
      if (!SORTS.has(name)) expect(steps.filter(isSort)).toEqual([]);
    });

    test('a claim goes along the index of the ready list, and locks no more than it takes', () => {
      for (const form of ['single', 'list']) {
        const [ready, runs] = plans.get(`dueRows (${form})`) ?? [];
        expect(ready).toMatchObject({ type: 'range', key: 'durable_ready_due' });
        expect(ready?.Extra).toMatch(/Using index/);
        expect(runs).toMatchObject({ type: 'eq_ref', key: 'PRIMARY' });
      }
    });

    test('the priorities of a queue cost one look each', () => {
      for (const form of ['single', 'list']) {
        expect(plans.get(`readyPriorities (${form})`)?.[0]?.Extra).toMatch(
          /Using index for group-by/,
        );
      }
    });
  });
}
