import type { DatabaseName } from '../databases/database.js';
import { drizzle } from './drizzle.js';
import { mikroOrm } from './mikro-orm.js';
import type { OpenStore, Orm } from './orm.js';
import { prisma } from './prisma.js';
import { typeOrm } from './typeorm.js';

/** In the order of the tables. */
export const orms: readonly Orm[] = [drizzle, typeOrm, mikroOrm, prisma];

/** Opens a store as an application makes it, also in another process than the one that has made the database. */
export function openStore(
  ormName: string,
  database: DatabaseName,
  address: string,
): Promise<OpenStore> {
  const open = orms.find(({ name }) => name === ormName)?.open[database];
  if (!open) throw new Error(`no store on ${database} through ${ormName}`);
  return open(address);
}
