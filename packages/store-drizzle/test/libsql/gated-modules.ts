import type { StatementGate } from 'store-fixtures';
import type { LibSqlClient, LibSqlTransaction } from '../../src/libsql/client.js';
import {
  type LibSqlModules,
  type LibSqlNativeStatement,
  loadModules,
} from '../../src/libsql/modules.js';

/** libSQL whose statements go through the gate, on the store's handles and in the transactions of its clients. */
export function gatedModules(gate: StatementGate): LibSqlModules {
  const { Database, createClient } = loadModules();
  class GatedDatabase extends Database {
    static override readonly SqliteError = Database.SqliteError;

    constructor(file: string, options: { readonly timeout: number }) {
      super(file, options);
      const prepare = this.prepare.bind(this);
      const exec = this.exec.bind(this);
      Object.assign(this, {
        prepare: (sql: string) => gatedStatement(prepare(sql), gate),
        exec: (sql: string) => {
          if (/^(begin|commit|rollback)/.test(sql)) gate.pass();
          return exec(sql);
        },
      });
    }
  }
  return {
    Database: GatedDatabase,
    createClient: (config) => gatedClient(createClient(config), gate),
  };
}

function gatedStatement(native: LibSqlNativeStatement, gate: StatementGate): LibSqlNativeStatement {
  return {
    run: (params) => {
      gate.pass();
      return native.run(params);
    },
    all: (params) => {
      gate.pass();
      return native.all(params);
    },
    safeIntegers: (toggle) => native.safeIntegers(toggle),
  };
}

function gatedClient(client: LibSqlClient, gate: StatementGate): LibSqlClient {
  return {
    protocol: client.protocol,
    execute: (statement) => client.execute(statement),
    sync: () => client.sync(),
    close: () => client.close(),
    transaction: async (mode) => {
      gate.pass();
      return gatedTransaction(await client.transaction(mode), gate);
    },
  };
}

function gatedTransaction(native: LibSqlTransaction, gate: StatementGate): LibSqlTransaction {
  return {
    get closed() {
      return native.closed;
    },
    execute: async (statement) => {
      gate.pass();
      return native.execute(statement);
    },
    commit: async () => {
      gate.pass();
      if (!gate.takeLostCommit()) return native.commit();
      await native.commit();
      throw new Error('injected fault: the answer was lost');
    },
    rollback: async () => {
      gate.pass();
      return native.rollback();
    },
  };
}
