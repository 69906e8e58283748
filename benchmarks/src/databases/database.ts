/** What scenarios need of a kind of database. Adding one is a file beside this one, and a line in `index.ts`. */

export type DatabaseName = 'sqlite' | 'postgres' | 'mariadb';

export interface DatabaseKind {
  readonly name: DatabaseName;
  readonly title: string;
  /** A fresh, empty database; undefined where no server of this kind can be had. */
  open(): Promise<BenchDatabase | undefined>;
}

export interface BenchDatabase {
  /** Where it is, for stores in this process and in others: a URL, or the path of a file. */
  readonly address: string;
  /** The bare driver on this database. The schema of the store is there when it has been opened. */
  openRaw(): Promise<Raw>;
  /**
   * Counts statements: those that the server has been sent by this process so far, with BEGIN, COMMIT and SET, and each
   * of several in one text. Null where there is no server.
   */
  readonly statements: (() => Promise<number>) | null;
  /** Drops it. Everything that was opened on it has to be closed before. */
  remove(): Promise<void>;
}

/** The ceiling: what the database does for the bare driver, in the same process. */
export interface Raw {
  /**
   * One run of five steps: its creation and five turns, one after the other, each in one batch with whatever others want
   * written at the same time. Many at once make the raw closed loop.
   */
  run(): Promise<void>;
  /** One transaction of a lone writer: BEGIN, a locked look at the owner of a run by its key, one history row, COMMIT. */
  commit(): Promise<void>;
  /** One history row as a transaction of its own. */
  insert(): Promise<void>;
  close(): Promise<void>;
}
