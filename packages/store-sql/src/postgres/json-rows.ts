/**
 * Rows as one JSON parameter. The planner takes their number for a hundred, whatever it is: plans stay the same from one
 * row to a thousand, which they do not with arrays.
 */
import type { SqlValue } from '../sql/statement.js';

/** A list of rows with these columns. */
export class JsonRows {
  /** Short names: they are repeated in every row. */
  readonly #keys: readonly string[];
  /** Columns of the record, for `json_to_recordset(…) as t(…)`. */
  readonly definition: string;

  constructor(columns: readonly string[], integers: ReadonlySet<string>) {
    this.#keys = columns.map((_, n) => `c${n.toString(36)}`);
    this.definition = columns
      .map((column, n) => `${this.#keys[n]} ${integers.has(column) ? 'bigint' : 'text'}`)
      .join(', ');
  }

  /** The columns under an alias, in their order. */
  under(alias: string): readonly string[] {
    return this.#keys.map((key) => `${alias}.${key}`);
  }

  /** A row as it is written into the parameter; `extra` has further columns. */
  row(values: readonly SqlValue[], extra: Readonly<Record<string, SqlValue>>): object {
    const row: Record<string, SqlValue> = { ...extra };
    values.forEach((value, n) => {
      const key = this.#keys[n];
      // What is not there is null.
      if (value !== null && key !== undefined) row[key] = value;
    });
    return row;
  }
}
