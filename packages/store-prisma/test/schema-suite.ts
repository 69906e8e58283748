import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { beforeEach, describe, expect, test } from 'vitest';
import { type PrismaProvider, type PrismaStateStore, prismaModels } from '../src/index.js';
import { SchemaEngine } from './schema-engine.js';

/** A database that an application and the store use, where the store has made its tables. */
interface Site {
  readonly store: PrismaStateStore;
  /** A new one for each engine. */
  adapter(): SqlMigrationAwareDriverAdapterFactory;
  dispose(): Promise<void>;
}

interface SchemaSuite {
  readonly provider: PrismaProvider;
  readonly external: string[];
  open(): Promise<Site>;
}

const NOTE = 'model Note {\n  id Int @id\n  text String\n  @@map("notes")\n}\n';

/** What Prisma's schema engine would do to the durable tables. */
export function describeSchemaTools({ provider, external, open }: SchemaSuite): void {
  const datasource = `datasource db {\n  provider = "${provider}"\n}\n`;
  const app = `${datasource}${NOTE}`;

  describe(`Prisma’s schema engine on ${provider}`, () => {
    let site: Site;

    beforeEach(async () => {
      site = await open();
      await site.store.migrate();
      return () => site.dispose();
    });

    async function engine<T>(
      schema: string,
      use: (engine: SchemaEngine) => Promise<T>,
      tables: string[] = [],
    ): Promise<T> {
      const opened = await SchemaEngine.open(site.adapter(), schema, tables);
      try {
        return await use(opened);
      } finally {
        opened.close();
      }
    }

    test('would drop the tables when it is told nothing: the tests below can fail', async () => {
      const drops = await engine(app, (it) => it.diff());
      const models = prismaModels(provider).match(/^model /gm) ?? [];
      expect(drops.match(/DROP TABLE "durable_\w+"/g)).toHaveLength(models.length);
      expect((await engine(app, (it) => it.push())).executedSteps).toBe(0);
    });

    test('leaves external tables alone', async () => {
      expect((await engine(app, (it) => it.push(), external)).executedSteps).toBe(1);
      expect(await engine(app, (it) => it.diff(), external)).not.toContain('durable_');
      await site.store.verifySchema();
    });

    test('finds the models to be what is there', async () => {
      const schema = `${app}${prismaModels(provider)}`;
      expect((await engine(schema, (it) => it.push())).executedSteps).toBe(1);
      expect(await engine(schema, (it) => it.diff())).not.toContain('durable_');
      await site.store.verifySchema();
    });
  });
}
