/** The durable schema as migrations of TypeORM, one for each version of it. A released one never changes. */
import {
  COUNT_UNFINISHED_RUNS,
  type Dialect,
  type MigrationStatements,
  MYSQL_VERSION,
  migrationStatements,
  mysqlDialectOf,
  SchemaInUseError,
} from '@dudousxd/nestjs-durable-store-sql';
import { dialectOf } from './data-source.js';

/** What a migration uses of TypeORM's `QueryRunner`. */
export interface MigrationQueryRunner {
  readonly dataSource: { readonly options: { readonly type: string } };
  query(text: string): Promise<unknown>;
}

/**
 * Version 1 of the durable schema, for `migrations` of a DataSource, with `autoSchema: false` in the engine. Does nothing
 * where the tables are there already.
 *
 * @example
 * ```ts
 * new DataSource({ type: 'postgres', url, migrations: [DurableSchema1, 'dist/migrations/*.js'] });
 * ```
 */
export class DurableSchema1 {
  /** TypeORM orders migrations by the time at the end of their names. */
  readonly name = 'DurableSchema1795392000000';

  async up(queryRunner: MigrationQueryRunner): Promise<void> {
    const { up } = await statementsFor(queryRunner);
    for (const text of up) await queryRunner.query(text);
  }

  /**
   * Drops the tables, with the runs that have ended and their history. Stop the application first.
   *
   * @throws SchemaInUseError when there are runs that have not ended; nothing is dropped
   */
  async down(queryRunner: MigrationQueryRunner): Promise<void> {
    const { down } = await statementsFor(queryRunner);
    const rows = await queryRunner.query(COUNT_UNFINISHED_RUNS);
    const [row] = rows as readonly { readonly n: number | string }[];
    const unfinished = Number(row?.n);
    if (unfinished > 0) throw new SchemaInUseError(unfinished);
    for (const text of down) await queryRunner.query(text);
  }
}

async function statementsFor(queryRunner: MigrationQueryRunner): Promise<MigrationStatements> {
  const named = dialectOf(queryRunner.dataSource.options.type);
  const isMySql = named.name === 'mysql' || named.name === 'mariadb';
  return migrationStatements(isMySql ? await serversDialect(queryRunner) : named, 1);
}

async function serversDialect(queryRunner: MigrationQueryRunner): Promise<Dialect> {
  const rows = await queryRunner.query(MYSQL_VERSION);
  const [row] = rows as readonly { readonly version: string }[];
  return mysqlDialectOf(row?.version ?? '');
}
