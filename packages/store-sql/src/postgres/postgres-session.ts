/** One transaction on one connection, whoever has opened it: the answers to a script's requests. */
import { postgres } from '../dialect/postgres.js';
import type { Request, Script } from '../sql/script.js';
import type { Insert, Params, Statement } from '../sql/statement.js';
import { batchOf, distinctParts, keyOf, ROW_NUMBER } from './batch-text.js';
import type { PgAnswer, PgSend } from './driver.js';

/** Sorts the locks of names away from everything else that may use advisory locks of two integers. */
const TOKEN_LOCKS = 7_202_611;

const LOCK_NAMES =
  `select pg_advisory_xact_lock(${TOKEN_LOCKS}, l.hash)::text from ` +
  '(select distinct hashtext(i.name) as hash from unnest($1::text[]) as i(name) order by 1) l';

const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint';

type Row = Readonly<Record<string, unknown>>;
type Each = { readonly statement: Statement; readonly params: readonly Params[] };

export interface SessionOptions {
  /** Sends one statement inside the transaction. */
  readonly send: PgSend;
  /** The time, where it is not the database's. */
  readonly now?: (() => number) | undefined;
  /** Makes a time of this one that is not before any earlier answer. */
  readonly neverBack?: (now: number) => number;
}

export class PostgresSession {
  readonly #send: PgSend;
  readonly #now: (() => number) | undefined;
  readonly #neverBack: (now: number) => number;
  /** Until it is asked for. */
  #startedAt: number | undefined;

  constructor({ send, now, neverBack = (at) => at }: SessionOptions) {
    this.#neverBack = neverBack;
    this.#send = send;
    this.#now = now;
  }

  /**
   * Makes settings of this transaction, and asks for the time on the way: most scripts want it first.
   *
   * @param opening what has to be sent before
   */
  async begin(
    opening: readonly string[],
    settings: Readonly<Record<string, number>>,
  ): Promise<void> {
    const parts = Object.entries(settings).map(
      ([name, value]) => `set_config('${name}', '${value}', true) as ${name}`,
    );
    if (!this.#now) parts.push(`${NOW} as now`);
    const answer: unknown = await this.#send([...opening, `select ${parts.join(', ')}`].join('; '));
    // Several statements have an answer each.
    const last = Array.isArray(answer) ? answer.at(-1) : answer;
    if (!this.#now) this.#startedAt = this.#readTime(last as PgAnswer);
  }

  /** Runs a script in the transaction. */
  async run<T>(script: Script<T>): Promise<T> {
    let step = script.next();
    while (!step.done) step = script.next(await this.answer(step.value));
    return step.value;
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
        return void (await this.#send(request.text));
      default:
        return request satisfies never;
    }
  }

  async #time(): Promise<number> {
    if (this.#now) return this.#neverBack(this.#now());
    const known = this.#startedAt;
    if (known === undefined) return this.#readTime(await this.#send(`select ${NOW} as now`));
    this.#startedAt = undefined;
    return known;
  }

  #readTime({ rows }: PgAnswer): number {
    const [row] = rows as readonly { readonly now: number }[];
    if (!row) throw new Error('the database did not say what time it is');
    return this.#neverBack(row.now);
  }

  async #rows({ statement, params }: Each): Promise<readonly (readonly Row[])[]> {
    const [only] = params;
    if (params.length === 1 && only) {
      const { rows } = await this.#send(postgres.textOf(statement), [...only]);
      return [rows as readonly Row[]];
    }
    const { text, values } = batchOf(postgres, statement, params);
    const { rows } = await this.#send(text, values);
    const answers: Row[][] = params.map(() => []);
    for (const row of rows as readonly Row[]) answers[Number(row[ROW_NUMBER]) - 1]?.push(row);
    return answers;
  }

  async #insertNew({
    statement,
    params,
  }: Extract<Request, { op: 'insertNew' }>): Promise<boolean[]> {
    const key = keyOf(statement);
    const { text, values } = batchOf(postgres, statement, params);
    const { rows } = await this.#send(`${text} returning ${key.join(', ')}`, values);
    const isNew = new Set((rows as readonly Row[]).map((row) => keyText(key, (name) => row[name])));
    // Of several rows with one key, the first is the new one.
    return params.map((row) =>
      isNew.delete(keyText(key, (name) => row[statement.columns.indexOf(name)])),
    );
  }

  async #change({ statement, params }: Extract<Request, { op: 'change' }>): Promise<void> {
    const [only] = params;
    if (params.length === 1 && only) {
      await this.#send(postgres.textOf(statement), [...only]);
      return;
    }
    for (const part of distinctParts(statement, params)) {
      const { text, values } = batchOf(postgres, statement, part);
      await this.#send(text, values);
    }
  }

  async #lock(names: readonly Params[]): Promise<void> {
    await this.#send(LOCK_NAMES, [names.map((name) => JSON.stringify(name))]);
  }
}

function keyText(key: Insert['columns'], read: (column: string) => unknown): string {
  return JSON.stringify(key.map(read));
}
