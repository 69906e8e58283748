/**
 * Statements as data. Each is written once, in the SQL that all dialects share, with `?` for parameters; a dialect turns
 * it into its own text (`Dialect.textOf`). A statement is written for one row of parameters and is always sent with a
 * list of rows: an executor runs it row by row where that is fastest (SQLite), or turns the list into one statement
 * (multi-row VALUES, a LATERAL join). That is why inserts, updates and deletes name their parts.
 */
import type { Dialect } from '../dialect/dialect.js';

/** What columns and parameters can be: no dates, booleans or JSON of any driver. Integers stay below 2^53. */
export type SqlValue = string | number | null;
/** The parameters of one row, in the order of the placeholders. */
export type Params = readonly SqlValue[];

/** Reads rows of type `Row`. The type is the author's claim about the columns: nothing checks it at run time. */
export interface Query<Row> {
  readonly kind: 'query';
  /** For messages and tests. */
  readonly name: string;
  readonly text: (dialect: Dialect) => string;
  /** See `lookup`. */
  readonly isLookup?: boolean;
  /** Never set. */
  readonly row?: Row;
}

/** What an insert does where its key exists: each column takes the new value, or the smaller of the two. */
export interface OnConflict {
  readonly key: readonly string[];
  readonly replace?: readonly string[];
  readonly least?: readonly string[];
}

export interface Insert {
  readonly kind: 'insert';
  readonly name: string;
  readonly table: string;
  /** One parameter each, in this order. */
  readonly columns: readonly string[];
  /** `fail`, `ignore` (the row that is there stays), or an upsert. */
  readonly onConflict: 'fail' | 'ignore' | OnConflict;
}

export interface Update {
  readonly kind: 'update';
  readonly name: string;
  readonly table: string;
  /** Assignments, `a = ?, b = b + 1`. Their placeholders come before those of `where`. */
  readonly set: string;
  readonly where: string;
}

export interface Delete {
  readonly kind: 'delete';
  readonly name: string;
  readonly table: string;
  readonly where: string;
}

export type Statement = Query<unknown> | Insert | Update | Delete;

/** A query that differs between dialects, or is the same text for all. */
export function query<Row>(
  name: string,
  text: string | ((dialect: Dialect) => string),
): Query<Row> {
  return { kind: 'query', name, text: typeof text === 'string' ? () => text : text };
}

/**
 * A query that a list of parameters can be joined to: `select … from <one table> where …`, its columns compared with
 * parameters, without GROUP BY, aggregates or LIMIT. A LIMIT of 1 that only saves work may be left to `first`.
 */
export function lookup<Row>(
  name: string,
  text: string | ((dialect: Dialect) => string),
): Query<Row> {
  return { ...query(name, text), isLookup: true };
}

export function insert(name: string, parts: Omit<Insert, 'kind' | 'name'>): Insert {
  return { kind: 'insert', name, ...parts };
}

export function update(name: string, parts: Omit<Update, 'kind' | 'name'>): Update {
  return { kind: 'update', name, ...parts };
}

export function remove(name: string, parts: Omit<Delete, 'kind' | 'name'>): Delete {
  return { kind: 'delete', name, ...parts };
}
