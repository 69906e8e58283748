/** MariaDB 10.6 or later: what it writes otherwise than MySQL. */
import { mysqlDialect } from './mysql.js';

export const mariadb = mysqlDialect({
  name: 'mariadb',
  collation: 'utf8mb4_nopad_bin',
  isolation: 'tx_isolation',
  newRow: { alias: '', column: (column) => `values(${column})` },
  of: () => '',
  // A SELECT locks the tables that it names itself, not those of the queries in it.
  unlocked: (table) => `(select * from ${table})`,
});
