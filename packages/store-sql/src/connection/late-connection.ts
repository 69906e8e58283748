/** A connection for a store that is made before its ORM has connected: the driver is asked for at the first use. */
import type { HintListener, SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Dialect } from '../dialect/dialect.js';
import { StoreClosedError } from '../errors.js';
import type { FailureKind, SqlExecutor } from '../sql/executor.js';
import type { HintBus } from '../sql/hints.js';
import type { Script } from '../sql/script.js';
import type { Params, Query } from '../sql/statement.js';
import {
  type Connection,
  type ConnectionOptions,
  connectionOver,
  FILE,
  IN_MEMORY,
  MYSQL_SERVER,
  type NativeDriver,
  SERVER,
} from './connection.js';

/** What an ORM knows of its database before it connects, and the way to its driver. */
export interface LateDriver {
  readonly dialect: Dialect;
  /** The `database` of the ORM's options. */
  readonly database: unknown;
  /** Is called again at the next use when it has failed. */
  readonly connect: () => Promise<NativeDriver>;
}

/** The store's connection over a driver that may not be there yet. Nothing is opened before the first use. */
export function lateConnection(late: LateDriver, options: ConnectionOptions): Connection {
  const { dialect, database, connect } = late;
  const executor = new LateExecutor({
    dialect,
    clock: options.now ?? null,
    connect: async () => connectionOver(await connect(), options).executor,
  });
  return { executor, capabilities: capabilitiesOf(dialect, database) };
}

function capabilitiesOf(dialect: Dialect, database: unknown): Connection['capabilities'] {
  if (dialect.name === 'postgres') return SERVER;
  if (dialect.name !== 'sqlite') return MYSQL_SERVER;
  return isMemoryName(database) ? IN_MEMORY : FILE;
}

/** As better-sqlite3 sees it: an empty name is a temporary file, which also ends with its handle. */
function isMemoryName(database: unknown): boolean {
  return typeof database === 'string' && ['', ':memory:'].includes(database.trim());
}

export interface LateExecutorOptions extends Pick<SqlExecutor, 'dialect' | 'clock'> {
  /** Is called again at the next use when it has failed. */
  readonly connect: () => Promise<SqlExecutor>;
}

/** Asks for the executor that does the work at the first use. */
export class LateExecutor implements SqlExecutor {
  readonly clock: (() => number) | null;
  readonly hints: HintBus = {
    send: async (namespace) => (await this.#connected()).hints.send(namespace),
    listen: (listener) => this.#listen(listener),
  };
  readonly #dialect: Dialect;
  readonly #connect: () => Promise<SqlExecutor>;
  #connecting: Promise<SqlExecutor> | undefined;
  #executor: SqlExecutor | undefined;
  #isClosed = false;

  constructor({ dialect, clock, connect }: LateExecutorOptions) {
    this.#dialect = dialect;
    this.clock = clock;
    this.#connect = connect;
  }

  get dialect(): Dialect {
    return this.#executor?.dialect ?? this.#dialect;
  }

  async write<T>(script: () => Script<T>): Promise<T> {
    const executor = this.#executor ?? (await this.#connected());
    return executor.write(script);
  }

  async urgent<T>(script: () => Script<T>): Promise<T> {
    const executor = this.#executor ?? (await this.#connected());
    return executor.urgent(script);
  }

  async connectionFindings(): Promise<readonly SettingFinding[]> {
    const executor = this.#executor ?? (await this.#connected());
    return executor.connectionFindings();
  }

  async statement<Row>(statement: Query<Row>, params: Params): Promise<readonly Row[]> {
    const executor = this.#executor ?? (await this.#connected());
    return executor.statement(statement, params);
  }

  async read<T>(script: () => Script<T>): Promise<T> {
    const executor = this.#executor ?? (await this.#connected());
    return executor.read(script);
  }

  /** Before there is a connection, whatever fails is the connection. */
  classify(error: unknown): FailureKind {
    return this.#executor?.classify(error) ?? 'unavailable';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connecting?.then(
      (executor) => executor.close(),
      // It has opened nothing, and its callers have been told.
      () => undefined,
    );
  }

  #listen(listener: HintListener): () => void {
    let isOver = false;
    let stop = (): void => {
      isOver = true;
    };
    void this.#connected().then(
      ({ hints }) => {
        if (!isOver) stop = hints.listen(listener);
      },
      // Whoever needs the connection for more than a hint is told.
      () => undefined,
    );
    return () => stop();
  }

  #connected(): Promise<SqlExecutor> {
    if (this.#isClosed) return Promise.reject(new StoreClosedError());
    this.#connecting ??= this.#connect().then(
      (executor) => {
        this.#executor = executor;
        return executor;
      },
      (error: unknown) => {
        this.#connecting = undefined;
        throw error;
      },
    );
    return this.#connecting;
  }
}
