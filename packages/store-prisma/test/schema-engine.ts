/**
 * Prisma's schema engine, which is what `prisma migrate` and `prisma db push` are made of, as WebAssembly over a driver
 * adapter: the binary that Prisma's commands start has to be downloaded.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';

const require = createRequire(import.meta.url);

/** Neither Node's types nor ours have the standard's. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    instantiate(
      bytes: Uint8Array,
      imports: object,
    ): Promise<{ readonly instance: { readonly exports: { __wbindgen_start(): void } } }>;
  };
};

async function load(): Promise<void> {
  const glue = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = readFileSync(glue.replace(/\.js$/, '.wasm'));
  const imports = { './schema_engine_bg.js': bindings };
  const { instance } = await WebAssembly.instantiate(bytes, imports);
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

const loaded = load();

export class SchemaEngine {
  readonly #engine: bindings.SchemaEngine;
  readonly #schema: { readonly files: { readonly path: string; readonly content: string }[] };
  readonly #external: string[];

  private constructor(engine: bindings.SchemaEngine, content: string, external: string[]) {
    this.#engine = engine;
    this.#schema = { files: [{ path: '/schema.prisma', content }] };
    this.#external = external;
  }

  /**
   * @param schema text of a Prisma schema
   * @param external `tables.external` of `prisma.config.ts`
   */
  static async open(
    factory: SqlMigrationAwareDriverAdapterFactory,
    schema: string,
    external: string[] = [],
  ): Promise<SchemaEngine> {
    await loaded;
    const engine = await bindings.SchemaEngine.new(
      { datamodels: [['/schema.prisma', schema]] },
      () => {},
      bindMigrationAwareSqlAdapterFactory(rewriting(factory)),
    );
    return new SchemaEngine(engine, schema, external);
  }

  /** `prisma db push`. */
  push() {
    return this.#engine.schemaPush({ force: false, schema: this.#schema, filters: this.#filters });
  }

  /** `prisma migrate diff` from the database to the schema, as SQL. */
  async diff(): Promise<string> {
    const { files } = this.#schema;
    const { stdout } = await this.#engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '/' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: this.#filters,
      ...{ shadowDatabaseUrl: null },
    });
    return stdout ?? '';
  }

  close(): void {
    this.#engine.free();
  }

  get #filters() {
    return { externalTables: this.#external, externalEnums: [] };
  }
}

/**
 * What the engine's own drivers take, and those below the adapters do not: a text in double quotes (better-sqlite3), and
 * columns of the type "char" (pg).
 */
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/ name = "([^"]*)"/g, " name = '$1'"],
  [/\b(constr\.contype) AS/g, '$1::text AS'],
  [/\bcon\.(conf(?:del|upd)type),/g, 'con.$1::text AS $1,'],
];

function rewriting(factory: SqlMigrationAwareDriverAdapterFactory) {
  const { connect } = factory;
  factory.connect = async () => {
    const adapter = await connect.call(factory);
    const { queryRaw } = adapter;
    adapter.queryRaw = (query) => {
      const sql = REWRITES.reduce((text, [from, to]) => text.replace(from, to), query.sql);
      return queryRaw.call(adapter, { ...query, sql });
    };
    return adapter;
  };
  return factory;
}
