/** The durable tables in the words of Prisma's own tools, so that these leave them alone. */
import {
  type ColumnKind,
  type ColumnType,
  durableSchema,
  durableTables,
  type Index,
  type Table,
} from '@dudousxd/nestjs-durable-store-sql';
import type { PrismaProvider } from './client.js';

/** Integers of 64 bits; SQLite has one kind, which Prisma calls Int. */
const INTEGERS: Readonly<Record<PrismaProvider, 'BigInt' | 'Int'>> = {
  postgresql: 'BigInt',
  sqlite: 'Int',
};

/**
 * The names of the durable tables for `tables.external` in `prisma.config.ts`: Prisma then neither drops nor changes them.
 *
 * @param schema of the tables, on PostgreSQL, where Prisma wants names with their schema; absent on SQLite
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
  return durableSchema.map((table) => modelText(table, INTEGERS[provider])).join('\n');
}

function modelText(table: Table, integer: string): string {
  const { name, columns, primaryKey = [], indexes = [] } = table;
  const [key, ...more] = primaryKey;
  const onlyKey = more.length === 0 ? key : undefined;
  const fields = Object.entries(columns).map(([column, type]) => {
    const isKey = column === onlyKey || type === 'serial';
    return `${column} ${fieldType(type, integer)}${isKey ? ' @id' : ''}${
      type === 'serial' ? ' @default(autoincrement())' : ''
    }`;
  });
  const rest = [
    ...(more.length > 0 ? [`@@id([${primaryKey.join(', ')}])`] : []),
    ...indexes.filter(({ whereNotNull }) => whereNotNull === undefined).map(indexText),
    '@@ignore',
  ];
  const lines = [...fields, '', ...rest].map((line) => (line === '' ? '' : `  ${line}`));
  return `model ${name} {\n${lines.join('\n')}\n}\n`;
}

function fieldType(type: ColumnType, integer: string): string {
  const [kind] = type.split('?') as [ColumnKind];
  const base = kind === 'integer' || kind === 'serial' ? integer : 'String';
  return type.endsWith('?') ? `${base}?` : base;
}

function indexText({ name, columns, unique }: Index): string {
  return `${unique ? '@@unique' : '@@index'}([${columns.join(', ')}], map: "${name}")`;
}
