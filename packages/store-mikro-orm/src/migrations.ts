/** The durable schema as migrations of MikroORM, one for each version of it. A released one never changes. */
import {
  COUNT_UNFINISHED_RUNS,
  type Dialect,
  type MigrationStatements,
  MYSQL_VERSION,
  migrationStatements,
  mysqlDialectOf,
  SchemaInUseError,
} from '@dudousxd/nestjs-durable-store-sql';
import { Migration } from '@mikro-orm/migrations';
import { dialectOf } from './orm.js';

/**
 * Version 1 of the durable schema, for `migrations.migrationsList` of MikroORM, with `autoSchema: false` in the engine.
 * Does nothing where the tables are there already. With a folder of migrations, make a file in it that exports this class.
 *
 * @example
 * ```ts
 * new MikroORM({ clientUrl, extensions: [Migrator], migrations: { migrationsList: [DurableSchema1] } });
 * ```
 */
export class DurableSchema1 extends Migration {
  override name = 'DurableSchema1';

  override async up(): Promise<void> {
    const { up } = await this.#statements();
    for (const text of up) this.addSql(text);
  }

  /**
   * Drops the tables, with the runs that have ended and their history. Stop the application first.
   *
   * @throws SchemaInUseError when there are runs that have not ended; nothing is dropped
   */
  override async down(): Promise<void> {
    const rows = await this.execute(COUNT_UNFINISHED_RUNS);
    const [row] = rows as readonly { readonly n?: number | string }[];
    const unfinished = Number(row?.n);
    if (unfinished > 0) throw new SchemaInUseError(unfinished);
    const { down } = await this.#statements();
    for (const text of down) this.addSql(text);
  }

  async #statements(): Promise<MigrationStatements> {
    const dialect = dialectOf(this.driver.getDependencies());
    return migrationStatements(
      dialect.name === 'mysql' ? await this.#serversDialect() : dialect,
      1,
    );
  }

  async #serversDialect(): Promise<Dialect> {
    const rows = await this.execute(MYSQL_VERSION);
    const [row] = rows as readonly { readonly version?: string }[];
    return mysqlDialectOf(row?.version ?? '');
  }
}
