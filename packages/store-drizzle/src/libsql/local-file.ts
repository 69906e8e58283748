/** The file below a client of libSQL, and handles of its own on it. */
import { pathToFileURL } from 'node:url';
import { makeDurable, UnsupportedHandleError } from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlClient } from './client.js';
import { LibSqlHandle } from './handle.js';
import { type LibSqlModules, loadModules } from './modules.js';

/** A database file, as a client has it open. */
export interface LocalFile {
  /** Absolute path. */
  readonly file: string;
  /** How the client gives integers. */
  readonly intMode: 'number' | 'bigint';
  /** Whether the client checks foreign keys. */
  readonly foreignKeys: boolean;
  readonly modules: LibSqlModules;
}

/**
 * Looks through a client at its file.
 *
 * @param modules those that the application has passed
 * @throws UnsupportedHandleError where the store cannot work beside the client
 */
export async function lookAtFile(
  client: LibSqlClient,
  modules: LibSqlModules | undefined,
): Promise<LocalFile> {
  const file = await fileOf(client);
  await refuseReplica(client);
  const found = modules ?? loadModules();
  await requireSameCopy(client, found);
  const foreignKeys = Number(await readValue(client, 'pragma foreign_keys')) === 1;
  return { file, foreignKeys, intMode: await intModeOf(client), modules: found };
}

/** A handle beside those of the client: durable, and never waiting for locks. */
export function openHandle({ file, modules }: LocalFile): LibSqlHandle {
  const handle = new LibSqlHandle(new modules.Database(file, { timeout: 0 }));
  try {
    makeDurable(handle);
    return handle;
  } catch (error) {
    handle.close();
    throw Reflect.get(Object(error), 'code') === 'SQLITE_NOTADB' ? encrypted(error) : error;
  }
}

/** A client of one connection beside the application's, as durable as the store's own handle. It never waits for locks. */
export async function openClient(local: LocalFile): Promise<LibSqlClient> {
  const { file, intMode, foreignKeys, modules } = local;
  const client = modules.createClient({ url: pathToFileURL(file).href, intMode, concurrency: 1 });
  try {
    await client.execute('pragma synchronous = full');
    await client.execute(`pragma foreign_keys = ${foreignKeys ? 'on' : 'off'}`);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** The first column of the only row. */
async function readValue(client: LibSqlClient, sql: string): Promise<unknown> {
  const { rows } = await client.execute(sql);
  return Object.values(Object(rows[0]))[0];
}

async function fileOf(client: LibSqlClient): Promise<string> {
  const sql = "select file from pragma_database_list where name = 'main'";
  const file = await readValue(client, sql);
  if (typeof file === 'string' && file !== '') return file;
  throw new UnsupportedHandleError({
    received: 'a libSQL database in memory',
    todo: "Use a file, drizzle('file:app.db'); where nothing has to last, use InMemoryStateStore.",
  });
}

/** Only a client of a file alone has nothing to synchronize with, and says so. */
async function refuseReplica(client: LibSqlClient): Promise<void> {
  const error = await client.sync().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error && error.message.includes('SyncNotSupported')) return;
  throw new UnsupportedHandleError({
    received: 'a libSQL database that is a replica of another (syncUrl)',
    todo: 'What the store writes beside its client would not reach the other. Use a file of its own.',
    cause: error,
  });
}

/**
 * Two copies of SQLite in one process do not see each other's locks, and spoil the file. The error of a statement is made
 * by the copy that the client uses.
 */
async function requireSameCopy(client: LibSqlClient, { Database }: LibSqlModules): Promise<void> {
  const error = await client.execute('no statement').then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (Reflect.get(Object(error), 'cause') instanceof Database.SqliteError) return;
  throw new UnsupportedHandleError({
    received: "a client of another copy of 'libsql' than the one that it has found",
    todo: "Install '@libsql/client' once, or pass the modules of the client as the option `libsql`.",
    cause: error,
  });
}

async function intModeOf(client: LibSqlClient): Promise<LocalFile['intMode']> {
  const one = await readValue(client, 'select 1');
  if (typeof one === 'number' || typeof one === 'bigint') return typeof one as 'number' | 'bigint';
  throw new UnsupportedHandleError({
    received: "a libSQL client with intMode: 'string'",
    todo: "Use 'number' or 'bigint': texts and integers of its rows look alike.",
  });
}

function encrypted(cause: unknown): UnsupportedHandleError {
  return new UnsupportedHandleError({
    received: 'a libSQL file that is encrypted',
    todo: 'Use a file without encryptionKey, on a disk that is encrypted.',
    cause,
  });
}
