import Database from 'better-sqlite3';
import type { Params, SqliteDriver, SqliteStatement } from '../../src/index.js';

/** A statement as it was sent, and how many rows it returned. */
export interface Sent {
  readonly sql: string;
  readonly rows: number;
}

/** A better-sqlite3 handle that remembers what is sent through it. */
export class RecordingDriver implements SqliteDriver {
  readonly database: Database.Database;
  readonly #sent: Sent[] = [];

  constructor(file: string) {
    this.database = new Database(file);
  }

  /** What has been sent since the last call. */
  take(): readonly Sent[] {
    return this.#sent.splice(0);
  }

  get open(): boolean {
    return this.database.open;
  }

  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  get memory(): boolean {
    return this.database.memory;
  }

  get readonly(): boolean {
    return this.database.readonly;
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.database.prepare(sql);
    const note = (rows: number): void => {
      this.#sent.push({ sql, rows });
    };
    return {
      run: (params: Params) => {
        note(0);
        return statement.run(params);
      },
      get: (params: Params) => {
        const row = statement.get(params);
        note(row === undefined ? 0 : 1);
        return row;
      },
      all: (params: Params) => {
        const rows = statement.all(params);
        note(rows.length);
        return rows;
      },
    };
  }

  exec(sql: string): unknown {
    this.#sent.push({ sql, rows: 0 });
    return this.database.exec(sql);
  }

  pragma(pragma: string, options: { readonly simple?: boolean } = {}): unknown {
    return this.database.pragma(pragma, options);
  }

  close(): unknown {
    return this.database.close();
  }
}
