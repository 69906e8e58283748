/** One transaction on one connection: the answers to a script's requests. */

import type { MySqlDialect } from '../dialect/mysql.js';
import { StoreBusyError } from '../errors.js';
import { distinctParts, keyOf } from '../postgres/batch-text.js';
import type { Request } from '../sql/script.js';
import {
  type Delete,
  type Insert,
  insert,
  lookup,
  type Params,
  type Query,
  type SqlValue,
  type Update,
} from '../sql/statement.js';
import {
  type Batch,
  deleteBatch,
  insertBatch,
  queryBatch,
  ROW_NUMBER,
  updateBatch,
} from './batch-text.js';
import type { MySqlSend, Row } from './driver.js';
import { isDuplicateKey, StatementTooLargeError } from './failures.js';
import type { Server } from './server.js';
import { slotsOf } from './slots.js';

/** Both parts are of the time at which the statement began, and of no time zone. */
const CLOCK = 'select unix_timestamp() * 1000 + microsecond(now(3)) div 1000 as now';

const LOCK_SLOTS = insert('lockSlots', {
  table: 'durable_locks',
  columns: ['slot'],
  onConflict: 'ignore',
});

/** Rows of one statement: more make it no faster. */
const MAX_ROWS = 1_000;
/** Characters in the values of one statement of several rows. */
const MAX_TEXT = 1_000_000;
/** Of a UTF-16 code unit in UTF-8, or escaped. */
const MAX_BYTES_PER_CHARACTER = 3;
/** The same, in a JSON text that is escaped again. */
const MAX_BYTES_IN_JSON = 8;
const NUMBER_LENGTH = 24;
/** A key may be taken again each time. */
const MAX_LOOKS = 5;

type NewRows = Extract<Request, { op: 'insertNew' }>;

export interface SessionOptions {
  readonly send: MySqlSend;
  readonly server: Server;
  /** The time, where it is not the database's. */
  readonly now: (() => number) | null;
  /** Makes a time of this one that is not before any earlier answer. */
  readonly neverBack: (now: number) => number;
  /**
   * Whether the transaction may be of REPEATABLE READ or above, where a plain read answers with what was there when it first
   * read anything. Then every read locks what it finds against changes, and so finds the latest. @default false
   */
  readonly readsLatest?: boolean;
}

export class MySqlSession {
  /** Sends one statement. */
  readonly send: MySqlSend;
  readonly #readsLatest: boolean;
  readonly #server: Server;
  readonly #now: (() => number) | null;
  readonly #neverBack: (now: number) => number;
  /** Until it is asked for. */
  #startedAt: number | undefined;
  #hasSessionLock = false;

  constructor({ send, server, now, neverBack, readsLatest = false }: SessionOptions) {
    this.send = send;
    this.#readsLatest = readsLatest;
    this.#server = server;
    this.#now = now;
    this.#neverBack = neverBack;
  }

  /** Whether the connection holds a lock that does not end with the transaction. */
  get hasSessionLock(): boolean {
    return this.#hasSessionLock;
  }

  /**
   * Begins a transaction, and asks for the time on the way: most scripts want it first. The statements carry no text of
   * users, and are sent without waiting for each other.
   */
  async begin(statements: readonly string[]): Promise<void> {
    const texts = this.#now ? statements : [...statements, CLOCK];
    const answers = await Promise.allSettled(texts.map((text) => this.send(text)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const last = answers.at(-1);
    if (!this.#now && last?.status === 'fulfilled') this.#startedAt = this.#readTime(last.value);
  }

  async answer(request: Request): Promise<unknown> {
    switch (request.op) {
      case 'now':
        return this.#time();
      case 'rows':
        return this.#rows(request);
      case 'first':
        return (await this.#rows(request)).map(([row]) => row);
      case 'insertNew':
        return this.#insertNew(request);
      case 'change':
        return this.#change(request);
      case 'lock':
        return this.#lock(request.names);
      case 'lockRows':
        return (await this.#rows(request)).map(({ length }) => length > 0);
      case 'define':
        return this.#define(request.text);
      default:
        return request satisfies never;
    }
  }

  async #time(): Promise<number> {
    if (this.#now) return this.#neverBack(this.#now());
    const known = this.#startedAt;
    if (known === undefined) return this.#readTime(await this.send(CLOCK));
    this.#startedAt = undefined;
    return known;
  }

  #readTime([row]: readonly Row[]): number {
    const now = Number(row?.now);
    if (!Number.isFinite(now)) throw new Error('the database did not say what time it is');
    return this.#neverBack(now);
  }

  async #rows({
    statement,
    params,
  }: Extract<Request, { op: 'rows' | 'first' | 'lockRows' }>): Promise<
    readonly (readonly Row[])[]
  > {
    const { dialect } = this.#server;
    // A list of parameters cannot be joined where a read locks. Few come where it does.
    if (params.length === 1 || this.#readsLatest) return this.#rowsOneByOne(statement, params);
    const answers: Row[][] = [];
    for (const part of this.#parts(params)) {
      const before = answers.length;
      for (let i = 0; i < part.length; i += 1) answers.push([]);
      for (const row of await this.#sendBatch(queryBatch(dialect, statement, part))) {
        answers[before + Number(row[ROW_NUMBER]) - 1]?.push(row);
      }
    }
    return answers;
  }

  async #rowsOneByOne(
    statement: Query<unknown>,
    params: readonly Params[],
  ): Promise<readonly (readonly Row[])[]> {
    const text = this.#server.dialect.textOf(statement);
    const end = this.#readsLatest && !/ for update\b/.test(text) ? ' lock in share mode' : '';
    const answers: (readonly Row[])[] = [];
    for (const values of params) answers.push(await this.#sendBatch({ text: text + end, values }));
    return answers;
  }

  async #insertNew({ statement, params }: NewRows): Promise<readonly boolean[]> {
    const isNew = params.map(() => false);
    for (const part of this.#parts(firstOfEachKey(statement, params))) {
      for (const { place } of await this.#insertMissing(statement, part)) isNew[place] = true;
    }
    return isNew;
  }

  /**
   * Most rows are new: they are inserted, and only if one of them is not, those that are there are looked for. The key
   * that was met is locked by then, and its row committed: the look finds it. Answers with the rows that were new.
   */
  async #insertMissing(
    statement: Insert,
    rows: readonly PlacedRow[],
  ): Promise<readonly PlacedRow[]> {
    let missing = rows;
    for (let looks = 0; missing.length > 0; looks += 1) {
      try {
        await this.#sendBatch(this.#insertText({ ...statement, onConflict: 'fail' }, missing));
        break;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        // Somebody takes and frees the key all the time: nothing is wrong with the row.
        if (looks >= MAX_LOOKS) throw new StoreBusyError({ waitedMs: 0, cause: error });
        missing = await this.#withoutExisting(statement, missing);
      }
    }
    return missing;
  }

  #insertText(statement: Insert, rows: readonly (Params | PlacedRow)[]): Batch {
    return insertBatch(this.#server.dialect, statement, rows.map(paramsOf));
  }

  async #withoutExisting(
    { table, columns }: Insert,
    rows: readonly PlacedRow[],
  ): Promise<readonly PlacedRow[]> {
    const key = keyOf({ table });
    const where = key.map((column) => `${column} = ?`).join(' and ');
    const statement = lookup(`existing ${table}`, `select 1 as found from ${table} where ${where}`);
    const places = key.map((column) => columns.indexOf(column));
    const params = rows.map(({ row }) => places.map((place) => row[place] ?? null));
    const found = await this.#rows({ op: 'rows', statement, params });
    return rows.filter((_, i) => found[i]?.length === 0);
  }

  async #change({ statement, params }: Extract<Request, { op: 'change' }>): Promise<void> {
    const { dialect } = this.#server;
    const [only] = params;
    if (params.length === 1 && only) {
      await this.#sendBatch({ text: dialect.textOf(statement), values: only });
      return;
    }
    // A multi-table update changes a row once; an insert takes its rows one after the other.
    const distinct = statement.kind === 'update' ? distinctParts(statement, params) : [params];
    for (const rows of distinct) {
      for (const part of this.#parts(rows))
        await this.#sendBatch(changeBatch(dialect, statement, part));
    }
  }

  async #lock(names: readonly Params[]): Promise<void> {
    await this.#change({
      op: 'change',
      statement: LOCK_SLOTS,
      params: slotsOf(names).map((slot) => [slot]),
    });
  }

  async #define(text: string): Promise<void> {
    const startedAt = performance.now();
    const [row] = await this.send(text);
    if (row === undefined || !('locked' in row)) return;
    this.#hasSessionLock = true;
    if (Number(row.locked) === 1) return;
    const waitedMs = Math.round(performance.now() - startedAt);
    throw new StoreBusyError({ waitedMs, cause: new Error('another process holds the schema') });
  }

  #sendBatch({ text, values }: Batch): Promise<readonly Row[]> {
    const { maxPacket } = this.#server;
    const characters = values.reduce<number>((sum, value) => sum + lengthOf(value), text.length);
    if (characters * MAX_BYTES_PER_CHARACTER > maxPacket) {
      const bytes = values.reduce<number>((sum, value) => sum + bytesOf(value), text.length);
      if (bytes > maxPacket) {
        return Promise.reject(new StatementTooLargeError({ bytes, limit: maxPacket }));
      }
    }
    return this.send(text, values);
  }

  /** Cuts a list so that each part fits into a statement, whatever escaping makes of it. A row is not cut. */
  *#parts<T extends Params | PlacedRow>(rows: readonly T[]): Generator<readonly T[]> {
    const limit = Math.min(MAX_TEXT, this.#server.maxPacket / MAX_BYTES_IN_JSON);
    let part: T[] = [];
    let size = 0;
    for (const row of rows) {
      const length = paramsOf(row).reduce<number>((sum, value) => sum + lengthOf(value), 0);
      if (part.length > 0 && (part.length >= MAX_ROWS || size + length > limit)) {
        yield part;
        part = [];
        size = 0;
      }
      part.push(row);
      size += length;
    }
    if (part.length > 0) yield part;
  }
}

/** A row, and its place in the request. */
interface PlacedRow {
  readonly row: Params;
  readonly place: number;
}

function paramsOf(row: Params | PlacedRow): Params {
  return 'row' in row ? row.row : row;
}

/** Of several rows with one key, the first is the new one. */
function firstOfEachKey(statement: Insert, params: readonly Params[]): readonly PlacedRow[] {
  const places = keyOf(statement).map((column) => statement.columns.indexOf(column));
  const seen = new Set<string>();
  return params.flatMap((row, place) => {
    const key = JSON.stringify(places.map((i) => row[i]));
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ row, place }];
  });
}

function changeBatch(
  dialect: MySqlDialect,
  statement: Insert | Update | Delete,
  rows: readonly Params[],
): Batch {
  switch (statement.kind) {
    case 'insert':
      return insertBatch(dialect, statement, rows);
    case 'update':
      return updateBatch(dialect, statement, rows);
    case 'delete':
      return deleteBatch(dialect, statement, rows);
    default:
      return statement satisfies never;
  }
}

function lengthOf(value: SqlValue): number {
  return typeof value === 'string' ? value.length : NUMBER_LENGTH;
}

/** With what escaping adds. */
function bytesOf(value: SqlValue): number {
  if (typeof value !== 'string') return NUMBER_LENGTH;
  const escaped = value.match(/[\p{Cc}"'\\]/gu)?.length ?? 0;
  return Buffer.byteLength(value) + escaped + 2;
}
