/** The models for MySQL and MariaDB. Prisma's schema engine is not there for them as WebAssembly: the catalog is asked. */
import { MySqlDatabase } from 'store-fixtures';
import { describe, expect, test } from 'vitest';
import { externalTables, PrismaStateStore, prismaModels } from '../src/index.js';
import { mariaDbPool, mysqlClient } from './clients.js';

/** What Prisma makes of a field that names no type of the database, and of those that do. */
const COLUMN_TYPES = { BigInt: 'bigint', VarChar: 'varchar', LongText: 'longtext' } as const;

const COLUMNS =
  'select table_name as t, column_name as c, data_type as type, character_maximum_length as length, ' +
  'is_nullable as nullable from information_schema.columns where table_schema = database()';
const INDEXES =
  'select table_name as t, index_name as name, non_unique as free, ' +
  "group_concat(column_name order by seq_in_index separator ', ') as columns " +
  "from information_schema.statistics where table_schema = database() and index_name <> 'PRIMARY' group by 1, 2, 3";

interface Column {
  readonly t: string;
  readonly c: string;
  readonly type: string;
  readonly length: bigint | number | null;
  readonly nullable: string;
}

interface Index {
  readonly t: string;
  readonly name: string;
  readonly free: bigint | number;
  readonly columns: string;
}

/** Each model's text, by its name. */
function modelsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^model (\w+) \{\n([^}]*)\}/gm)].map(([, t = '', b = '']) => [t, b]),
  );
}

/** As the catalog would have them: `runs.id varchar(255) not null`. */
function columnsOf(models: ReadonlyMap<string, string>): string[] {
  return [...models].flatMap(([table, body]) =>
    [...body.matchAll(/^ {2}(\w+) (\w+)(\?)?(.*)$/gm)].map(
      ([, name, type = '', optional, rest]) => {
        const [, native = type, length] = /@db\.(\w+)(?:\((\d+)\))?/.exec(rest ?? '') ?? [];
        const column = COLUMN_TYPES[native as keyof typeof COLUMN_TYPES];
        return `${table}.${name} ${column}${length ? `(${length})` : ''}${optional ? '' : ' not null'}`;
      },
    ),
  );
}

function indexesOf(models: ReadonlyMap<string, string>): string[] {
  return [...models].flatMap(([table, body]) =>
    [...body.matchAll(/@@(index|unique)\(\[(.*)\], map: "(\w+)"\)/g)].map(
      ([, kind, columns, name]) => `${table}.${name} ${kind} (${columns})`,
    ),
  );
}

export function describeMySqlModels(name: string, server: string | undefined): void {
  describe.skipIf(server === undefined)(`models for ${name}`, () => {
    test('are the tables that the store has made', async () => {
      const database = new MySqlDatabase(server ?? '');
      await database.create();
      const pool = mariaDbPool(database.url);
      const prisma = mysqlClient(pool);
      const store = new PrismaStateStore(prisma, { pool });
      await store.migrate();
      const columns = await prisma.$queryRawUnsafe<readonly Column[]>(COLUMNS);
      const indexes = await prisma.$queryRawUnsafe<readonly Index[]>(INDEXES);
      const models = modelsOf(prismaModels('mysql'));
      expect([...models.keys()].sort()).toEqual(externalTables().sort());
      expect(columnsOf(models).sort()).toEqual(
        columns
          .map(({ t, c, type, length, nullable }) => {
            const size = type === 'varchar' ? `(${length})` : '';
            return `${t}.${c} ${type}${size}${nullable === 'YES' ? '' : ' not null'}`;
          })
          .sort(),
      );
      expect(indexesOf(models).sort()).toEqual(
        indexes
          .map(
            (it) =>
              `${it.t}.${it.name} ${Number(it.free) === 1 ? 'index' : 'unique'} (${it.columns})`,
          )
          .sort(),
      );
      await store.close();
      await prisma.$disconnect();
      await pool.end();
      await database.drop();
    });
  });
}
