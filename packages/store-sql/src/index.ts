export { BodyClient } from './body/body-client.js';
export type { BodyConnection } from './body/body-connection.js';
export { BodyGuard } from './body/body-guard.js';
export { guardHandle } from './body/body-handle.js';
export {
  type Connection,
  type ConnectionOptions,
  connectionOver,
  DRIVER_NAMES,
  describeHandle,
  FILE,
  fileExecutor,
  isNativeDriver,
  type NativeDriver,
  SERVER,
  type SqliteDriverClass,
} from './connection/connection.js';
export {
  type LateDriver,
  LateExecutor,
  type LateExecutorOptions,
  lateConnection,
} from './connection/late-connection.js';
export type { ColumnKind, Dialect } from './dialect/dialect.js';
export { mariadb } from './dialect/mariadb.js';
export { mysql } from './dialect/mysql.js';
export { postgres } from './dialect/postgres.js';
export { sqlite } from './dialect/sqlite.js';
export { type ConflictClause, standardText } from './dialect/standard.js';
export type {
  DoctorFinding,
  DoctorInvariant,
  DoctorOptions,
  DoctorReport,
} from './doctor/report.js';
export {
  type NotATransaction,
  NotATransactionError,
  SchemaInUseError,
  SchemaMissingError,
  StoreBusyError,
  StoreClosedError,
  TransactionBrokenError,
  UnsupportedHandleError,
} from './errors.js';
export {
  isMySqlPool,
  type MariaDbConnection,
  type MariaDbPool,
  type MySqlDriverPool,
  type MySqlSend,
  type Mysql2Connection,
  type Mysql2Pool,
  type Mysql2PromisePool,
  mysql2Query,
  sendOverMariaDb,
  sendOverMysql2,
} from './mysql/driver.js';
export { lendMySqlConnection } from './mysql/lend-connection.js';
export { MySqlExecutor, type MySqlExecutorOptions } from './mysql/mysql-executor.js';
export { MySqlScripts, type MySqlScriptsOptions } from './mysql/mysql-scripts.js';
export { MYSQL_VERSION, mysqlDialectOf } from './mysql/server.js';
export {
  isPgPool,
  type PgAnswer,
  type PgClient,
  type PgConnection,
  type PgPool,
  type PgQuery,
  type PgResult,
  type PgSend,
  plainTypes,
  sendOver,
} from './postgres/driver.js';
export { isIdle, lendClient } from './postgres/lend-client.js';
export { PoolLink, type PostgresLink, type TransactionKind } from './postgres/link.js';
export { PostgresExecutor, type PostgresExecutorOptions } from './postgres/postgres-executor.js';
export { hintStatement } from './postgres/postgres-hints.js';
export { PostgresSession, type SessionOptions } from './postgres/postgres-session.js';
export type { ColumnType, Index, Table } from './schema/definition.js';
export { migrateSchema, verifySchema } from './schema/migrate.js';
export {
  COUNT_UNFINISHED_RUNS,
  durableTables,
  type MigrationStatements,
  migrationStatements,
  SCHEMA_VERSION,
  schemaSql,
} from './schema/migrations.js';
export { tablesOn } from './schema/tables.js';
export type { FailureKind, SqlExecutor } from './sql/executor.js';
export { type HintBus, noHints } from './sql/hints.js';
export type { MaybePromise } from './sql/maybe-promise.js';
export type { OrmTransactions, ScriptRunner } from './sql/orm-transactions.js';
export type { Request, Script } from './sql/script.js';
export type {
  Delete,
  Insert,
  OnConflict,
  Params,
  Query,
  SqlValue,
  Statement,
  Update,
} from './sql/statement.js';
export {
  AsyncSqliteSession,
  type SqliteAnswer,
  type SqliteSend,
} from './sqlite/async-sqlite-session.js';
export { isSqliteDriver, type SqliteDriver, type SqliteStatement } from './sqlite/driver.js';
export { OneAtATime } from './sqlite/one-at-a-time.js';
export { fileOf, openAgain, setUpAgain, takeWriteLock } from './sqlite/own-handle.js';
export {
  makeDurable,
  SqliteExecutor,
  type SqliteExecutorOptions,
} from './sqlite/sqlite-executor.js';
export { SqliteSession } from './sqlite/sqlite-session.js';
export { SqlStateStore, type SqlStateStoreOptions } from './store/sql-state-store.js';
