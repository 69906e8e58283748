/** The durable tables in the words of Prisma's own tools, so that these leave them alone. */
import {
  type ColumnKind,
  type ColumnType,
  type Dialect,
  durableTables,
  type Index,
  mysql,
  postgres,
  sqlite,
  type Table,
  tablesOn,
} from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaProvider } from './client.js';

/** How a provider writes a column, with the type of the database where it is not the usual one. */
type FieldTypes = Readonly<Record<ColumnKind, readonly [type: string, native?: string]>>;

const TEXTS = { id: ['String'], key: ['String'], short: ['String'], text: ['String'] } as const;

interface Provider {
  readonly dialect: Dialect;
  readonly types: FieldTypes;
}

const PROVIDERS: Readonly<Record<PrismaProvider, Provider>> = {
  postgresql: {
    dialect: postgres,
    types: { ...TEXTS, integer: ['BigInt'], serial: ['BigInt'] },
  },
  mysql: {
    dialect: mysql,
    types: {
      id: ['String', '@db.VarChar(255)'],
      key: ['String', '@db.VarChar(320)'],
      short: ['String', '@db.VarChar(128)'],
      text: ['String', '@db.LongText'],
      integer: ['BigInt'],
      serial: ['BigInt'],
    },
  },
  // One kind of integers, of 64 bits, which Prisma calls Int.
  sqlite: { dialect: sqlite, types: { ...TEXTS, integer: ['Int'], serial: ['Int'] } },
};

/**
 * The names of the durable tables for `tables.external` in `prisma.config.ts`: Prisma then neither drops nor changes them.
 *
 * @param schema of the tables, on PostgreSQL, where Prisma wants names with their schema; absent elsewhere
 */
export function externalTables(schema?: string): string[] {
  const prefix = schema === undefined ? '' : `${schema}.`;
  return durableTables.map((name) => `${prefix}${name}`);
}

/**
 * The durable tables as models for a Prisma schema, for people who want all tables in it. They are not in the client
 * (`@@ignore`), and describe less than there is: tables that Prisma makes of them are not good enough for the store. Let
 * the store make them, or put the text of `schemaSql()` into the migration.
 */
export function prismaModels(provider: PrismaProvider): string {
  const { dialect } = PROVIDERS[provider];
  return tablesOn(dialect)
    .map((table) => modelText(table, PROVIDERS[provider]))
    .join('\n');
}

function modelText(table: Table, { dialect, types }: Provider): string {
  const { name, columns, primaryKey = [], indexes = [] } = table;
  const [key, ...more] = primaryKey;
  const onlyKey = more.length === 0 ? key : undefined;
  const fields = Object.entries(columns).map(([column, type]) => {
    const isKey = column === onlyKey || type === 'serial';
    return `${column} ${fieldType(type, types)}${isKey ? ' @id' : ''}${
      type === 'serial' ? ' @default(autoincrement())' : ''
    }`;
  });
  const rest = [
    ...(more.length > 0 ? [`@@id([${primaryKey.join(', ')}])`] : []),
    ...indexes
      .filter(({ whereNotNull }) => whereNotNull === undefined || !dialect.partialIndexes)
      .map(indexText),
    '@@ignore',
  ];
  const lines = [...fields, '', ...rest].map((line) => (line === '' ? '' : `  ${line}`));
  return `model ${name} {\n${lines.join('\n')}\n}\n`;
}

function fieldType(type: ColumnType, types: FieldTypes): string {
  const [kind] = type.split('?') as [ColumnKind];
  const [base, native] = types[kind];
  const optional = type.endsWith('?') ? '?' : '';
  return `${base}${optional}${native === undefined ? '' : ` ${native}`}`;
}

function indexText({ name, columns, unique }: Index): string {
  return `${unique ? '@@unique' : '@@index'}([${columns.join(', ')}], map: "${name}")`;
}
