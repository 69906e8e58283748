import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import type { BenchDatabase, DatabaseKind } from '../databases/database.js';
import { databases as kinds, onFreshDatabase } from '../databases/index.js';
import { isWanted, type Options } from '../options.js';
import { openStore, orms } from '../orms/index.js';
import type { Orm } from '../orms/orm.js';
import type { Figure } from '../report.js';
import { registerWorkloads } from '../workloads.js';
import { goalsOf } from './database-goals.js';
import { latencyOf } from './database-latency.js';
import { throughputOf } from './database-throughput.js';

/** One process on every database through every ORM: 64 and 256 runs in flight, and alone, against the bare driver. */
export async function databases(options: Options): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const kind of kinds.filter(({ name }) => isWanted(name, options.databases))) {
    for (const orm of orms.filter(({ name }) => isWanted(name, options.orms))) {
      if (!(await orm.load())[kind.name]) continue;
      process.stdout.write(`  ${kind.title}, ${orm.title}\n`);
      const work = (database: BenchDatabase) => measure({ kind, orm, database, options });
      figures.push(...(await onFreshDatabase(kind, work)));
    }
  }
  return figures;
}

interface Subject {
  readonly kind: DatabaseKind;
  readonly orm: Orm;
  readonly database: BenchDatabase;
  readonly options: Options;
}

async function measure({ kind, orm, database, options }: Subject): Promise<readonly Figure[]> {
  const opened = await openStore(orm.name, kind.name, database.address);
  const engine = new DurableEngine({ store: opened.store });
  registerWorkloads(engine);
  await engine.start();
  const raw = await database.openRaw();
  const title = `${kind.title}, ${orm.title}`;
  const { quick } = options;
  const bench = { title, engine, raw, database, goals: goalsOf(kind.name, orm.name), quick };
  const figures = [...(await throughputOf(bench)), ...(await latencyOf(bench))];
  await raw.close();
  await engine.stop();
  await opened.close();
  return figures;
}
