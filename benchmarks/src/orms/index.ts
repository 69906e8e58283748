import type { DatabaseName } from '../databases/database.js';
import type { OpenStore, Orm } from './orm.js';

/** In the order of the tables. */
export const orms: readonly Orm[] = [
  {
    name: 'drizzle',
    title: 'Drizzle',
    load: async () => (await import('./drizzle.js')).drizzle,
  },
  {
    name: 'typeorm',
    title: 'TypeORM',
    load: async () => (await import('./typeorm.js')).typeOrm,
  },
  {
    name: 'mikro-orm',
    title: 'MikroORM',
    load: async () => (await import('./mikro-orm.js')).mikroOrm,
  },
  {
    name: 'prisma',
    title: 'Prisma',
    load: async () => (await import('./prisma.js')).prisma,
  },
];

/** Opens a store as an application makes it, also in another process than the one that has made the database. */
export async function openStore(
  ormName: string,
  database: DatabaseName,
  address: string,
): Promise<OpenStore> {
  const orm = orms.find(({ name }) => name === ormName);
  const open = (await orm?.load())?.[database];
  if (!open) throw new Error(`no store on ${database} through ${ormName}`);
  return open(address);
}
