/**
 * Transactions as generators. A script yields requests and is given their answers, so that one text serves synchronous
 * drivers and asynchronous ones. A synchronous executor runs a script in one go: nothing of this process can come
 * between BEGIN and COMMIT, not even on a handle that it shares with the application.
 *
 * A script may be run again from its start when the database asks for it (a lock not had, a deadlock): it must not change
 * anything outside itself before it returns.
 */
import type { Delete, Insert, Params, Query, Update } from './statement.js';

/** What a script asks its executor for. Requests with several rows of parameters are answered in their order. */
export type Request =
  | { readonly op: 'now' }
  | { readonly op: 'rows'; readonly statement: Query<unknown>; readonly params: readonly Params[] }
  | { readonly op: 'first'; readonly statement: Query<unknown>; readonly params: readonly Params[] }
  | { readonly op: 'insertNew'; readonly statement: Insert; readonly params: readonly Params[] }
  | {
      readonly op: 'change';
      readonly statement: Insert | Update | Delete;
      readonly params: readonly Params[];
    }
  | { readonly op: 'lock'; readonly names: readonly Params[] }
  | {
      readonly op: 'lockRows';
      readonly statement: Query<unknown>;
      readonly params: readonly Params[];
    }
  | { readonly op: 'define'; readonly text: string };

export type Script<T> = Generator<Request, T, unknown>;

/** Database time in epoch milliseconds; never runs backwards for one executor. */
export function* databaseTime(): Script<number> {
  return (yield { op: 'now' }) as number;
}

/** The rows of one query. */
export function* rows<Row>(statement: Query<Row>, params: Params): Script<readonly Row[]> {
  const [answer] = yield* rowsOfEach(statement, [params]);
  return answer ?? [];
}

/** The rows for each row of parameters. */
export function* rowsOfEach<Row>(
  statement: Query<Row>,
  params: readonly Params[],
): Script<readonly (readonly Row[])[]> {
  if (params.length === 0) return [];
  return (yield { op: 'rows', statement, params }) as readonly (readonly Row[])[];
}

/** The first row of one query. */
export function* first<Row>(statement: Query<Row>, params: Params): Script<Row | undefined> {
  const [answer] = yield* firstOfEach(statement, [params]);
  return answer;
}

/** The first row for each row of parameters. */
export function* firstOfEach<Row>(
  statement: Query<Row>,
  params: readonly Params[],
): Script<readonly (Row | undefined)[]> {
  if (params.length === 0) return [];
  return (yield { op: 'first', statement, params }) as readonly (Row | undefined)[];
}

/** Inserts with `onConflict: 'ignore'`; says for each row whether it is new. */
export function* insertNew(
  statement: Insert,
  params: readonly Params[],
): Script<readonly boolean[]> {
  if (params.length === 0) return [];
  return (yield { op: 'insertNew', statement, params }) as readonly boolean[];
}

/** Writes. Says nothing of what it did: counts of changed rows mean different things in different databases. */
export function* change(
  statement: Insert | Update | Delete,
  params: readonly Params[],
): Script<void> {
  if (params.length > 0) yield { op: 'change', statement, params };
}

/** Runs a statement that defines the schema. */
export function* define(text: string): Script<void> {
  yield { op: 'define', text };
}

/**
 * Takes locks by name, in the given order, until the transaction ends. Nothing to do where a transaction that may write
 * excludes all others.
 */
export function* lock(names: readonly Params[]): Script<void> {
  if (names.length > 0) yield { op: 'lock', names };
}

/**
 * Locks the rows that the query finds for each row of parameters, in the given order, until the transaction ends: what
 * is read of them in later statements is the latest, and stays so. A statement that both waits for a lock and reads other
 * tables would read these as they were before the wait.
 *
 * Answers for each row of parameters whether there was such a row; if not, somebody may make one at any time. Nothing to
 * do where a transaction that may write excludes all others: the answer is then always true.
 */
export function* lockRows(
  statement: Query<unknown>,
  params: readonly Params[],
): Script<readonly boolean[]> {
  if (params.length === 0) return [];
  return (yield { op: 'lockRows', statement, params }) as readonly boolean[];
}
