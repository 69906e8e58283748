export type { PrismaClientLike, PrismaProvider } from './client.js';
export type { PrismaConnectionOptions } from './connection.js';
export { PrismaStateStore, type PrismaStateStoreOptions } from './prisma-state-store.js';
export { externalTables, prismaModels } from './schema.js';
