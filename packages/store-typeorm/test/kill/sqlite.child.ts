import { runSqliteChild } from 'store-fixtures/sqlite-child';
import { openSqlite } from '../open.js';

await runSqliteChild(openSqlite);
