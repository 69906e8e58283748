import { join } from 'node:path';
import { describeTransactionConformance } from '@dudousxd/nestjs-durable-testing';
import { createFileOrm, makeScratchFolder } from 'store-fixtures';
import { expect, test } from 'vitest';
import { PrismaStateStore } from '../src/index.js';
import { execute, readRows } from '../src/raw-queries.js';
import { SqliteTransactions } from '../src/sqlite-transactions.js';
import { sqliteClient } from './clients.js';
import { openSqlite } from './open.js';

describeTransactionConformance('Prisma on a SQLite file', {
  create: async () => {
    // The gate is on the store's handle alone: nobody gets at that of Prisma.
    const { failAfterStatements: _, ...fixture } = await createFileOrm(openSqlite);
    return fixture;
  },
});

async function openFile() {
  const url = `file:${join(await makeScratchFolder(), 'app.db')}`;
  const clients = [sqliteClient(url), sqliteClient(url)] as const;
  const [prisma, transactionClient] = clients;
  const store = new PrismaStateStore(prisma, { transactionClient });
  await store.migrate();
  return {
    ...{ prisma, transactionClient, store },
    close: async () => {
      await store.close();
      for (const client of clients) await client.$disconnect();
    },
  };
}

test('a COMMIT that fails leaves no transaction open', async () => {
  const { prisma, transactionClient, close } = await openFile();
  await prisma.$executeRawUnsafe('create table notes (id integer primary key, text text)');
  await prisma.$executeRawUnsafe('create table children (note integer references notes (id))');
  const transactions = new SqliteTransactions(transactionClient, undefined);
  const failing = transactions.begin(async (tx) => {
    await tx.$executeRawUnsafe('pragma defer_foreign_keys = on');
    await tx.$executeRawUnsafe('insert into children values (1)');
  });
  await expect(failing).rejects.toMatchObject({
    cause: { originalCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' },
  });
  await transactions.begin(async (tx) => tx.$executeRawUnsafe("insert into notes values (1, 'a')"));
  expect(await prisma.note.count()).toBe(1);
  expect(await prisma.$queryRawUnsafe('select * from children')).toEqual([]);
  await close();
});

test('ctx.transaction on one client alone is refused with what to pass', async () => {
  const { prisma, close } = await openFile();
  const transactions = new SqliteTransactions(undefined, undefined);
  await expect(transactions.begin(() => 1)).rejects.toThrow(/second client.*transactionClient/);
  expect(() => new PrismaStateStore(prisma, { transactionClient: prisma })).toThrow(
    /same PrismaClient.*another one/,
  );
  await close();
});

test('a statement that Prisma drops for the failure of another fails', async () => {
  const { prisma, close } = await openFile();
  await prisma.$executeRawUnsafe('create table notes (id integer primary key, text text)');
  await prisma.$transaction(async (tx) => {
    await tx.note.create({ data: { id: 1, text: 'a' } });
    const answers = await Promise.allSettled([
      // Asked for at once, before the others.
      tx.note.create({ data: { id: 1, text: 'again' } }).then(),
      execute(tx, 'insert into notes (id) values (2)', []),
      readRows(tx, 'insert into notes (id) values (3) returning id', []),
    ]);
    const dropped = { reason: { message: expect.stringMatching(/was not executed/) } };
    expect(answers).toMatchObject([{ reason: { code: 'P2002' } }, dropped, dropped]);
  });
  expect(await prisma.note.count()).toBe(1);
  await close();
});
