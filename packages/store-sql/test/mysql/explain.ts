/** How MySQL and MariaDB plan each statement, alone and for a list, where each table has thousands of rows. */
import type { RowDataPacket } from 'mysql2';
import type { Connection } from 'mysql2/promise';
import type { MySqlDialect } from '../../src/dialect/mysql.js';
import type { Statement } from '../../src/index.js';
import { type Batch, deleteBatch, queryBatch, updateBatch } from '../../src/mysql/batch-text.js';
import { tablesV1 } from '../../src/schema/tables.js';
import type { Params, SqlValue } from '../../src/sql/statement.js';

const ROWS = 12_000;

/** Values of columns that matter to plans: which rows are near each other, and how many are alike. */
const VALUES: Readonly<Record<string, (i: number) => SqlValue>> = {
  worker: (i) => (i % 4 === 0 ? `w${i % 40}` : null),
  dead_at: (i) => (i % 2 === 0 ? i : null),
  namespace: () => 'n',
  queue: (i) => `order@${i % 3}`,
  priority: (i) => i % 4,
  token: (i) => `t${i >> 2}`,
  status: (i) => (i % 3 === 0 ? 'running' : 'completed'),
  branch: () => 0,
  parent_run_id: (i) => (i % 5 === 0 ? `r${i >> 3}` : null),
  parent_branch: (i) => (i % 5 === 0 ? 0 : null),
  consumed: (i) => i % 2,
};

export async function fillTables(connection: Connection): Promise<void> {
  for (const { name, columns, primaryKey } of tablesV1) {
    const given = Object.entries(columns).filter(([, type]) => type !== 'serial');
    const isSmall = name === 'durable_workers' || name === 'durable_workflows';
    const count = isSmall ? 20 : ROWS;
    for (let from = 0; from < count; from += 1_000) {
      const rows = Array.from({ length: Math.min(1_000, count - from) }, (_, at) => {
        const i = from + at;
        return given.map(([column, type]) => {
          if (primaryKey?.at(-1) === column || column === 'run_id') {
            return type === 'integer' ? 1 + (i % 4) : `r${name === 'durable_history' ? i >> 2 : i}`;
          }
          const value = VALUES[column];
          if (value && (column !== 'worker' || type.endsWith('?'))) return value(i);
          return type.startsWith('integer') ? i : `${column}${i}`;
        });
      });
      const list = given.map(([column]) => column).join(', ');
      await connection.query(`insert into ${name} (${list}) values ?`, [rows]);
    }
  }
  await connection.query(`analyze table ${tablesV1.map(({ name }) => name).join(', ')}`);
}

/** What a step of a plan says; `type` is how rows are found. */
export interface PlanStep {
  readonly table: string | null;
  readonly type: string | null;
  readonly key: string | null;
  readonly Extra: string | null;
}

export async function explain(
  connection: Connection,
  { text, values }: Batch,
): Promise<readonly PlanStep[]> {
  const [version] = await connection.query<RowDataPacket[]>('select version() as version');
  const isMariaDb = String(version[0]?.version).includes('MariaDB');
  const form = isMariaDb ? 'explain' : 'explain format=traditional';
  const [rows] = await connection.query<RowDataPacket[]>(`${form} ${text}`, [...values]);
  return rows as unknown as readonly PlanStep[];
}

/** The statement for one row of parameters, and for a list. */
export function formsOf(
  dialect: MySqlDialect,
  statement: Statement,
): Readonly<Record<string, Batch>> {
  const rows = Array.from({ length: 20 }, (_, i) => sampleParams(dialect, statement, i * 37));
  const single = { text: dialect.textOf(statement), values: rows[1] ?? [] };
  switch (statement.kind) {
    case 'query':
      return { single, list: queryBatch(dialect, statement, rows) };
    case 'update':
      return { single, list: updateBatch(dialect, statement, rows) };
    case 'delete':
      return { single, list: deleteBatch(dialect, statement, rows) };
    default:
      return {};
  }
}

/** Parameters that are of the kind of the columns they stand beside. */
function sampleParams(dialect: MySqlDialect, statement: Statement, i: number): Params {
  const text = dialect.textOf(statement);
  return [...text.matchAll(/\?/g)].map(({ index }) => {
    const before = text.slice(0, index);
    if (before.endsWith('limit ')) return 10;
    const compared = [...before.matchAll(/(\w+)(?: not)? (?:=|<=|>=|<|>|\+|in)(?= )/g)];
    const column = compared.at(-1)?.[1] ?? '';
    return sampleOf(column, i, text);
  });
}

function sampleOf(column: string, i: number, text: string): SqlValue {
  const types = tablesV1.find(({ name }) => text.includes(name))?.columns;
  if (column === 'worker') return `w${(i * 4) % 40}`;
  if (column === 'wake_at') return 9_000;
  if (column === 'expires_at') return 500;
  const value = VALUES[column]?.(i);
  if (value !== undefined && value !== null) return value;
  if (types?.[column]?.startsWith('integer') || types?.[column] === 'serial') return 1 + (i % 4);
  return `r${i}`;
}
