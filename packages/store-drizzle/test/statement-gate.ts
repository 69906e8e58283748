import type { StatementFault } from '@dudousxd/nestjs-durable-testing';
import Database from 'better-sqlite3';

/** Counts the statements of the handles that are opened through it, and makes one fail instead of being executed. */
export class StatementGate {
  #left: number | null = null;
  #hasHit = false;

  /** A better-sqlite3 handle whose class also opens gated handles, as the store does for itself. */
  open(file: string): Database.Database {
    const pass = (): void => this.#pass();
    class GatedDatabase extends Database {
      constructor(name?: string | Buffer, options?: Database.Options) {
        super(name, options);
        const prepare = this.prepare.bind(this);
        this.prepare = ((sql: string) => gated(prepare(sql), pass)) as typeof this.prepare;
      }
    }
    return new GatedDatabase(file);
  }

  /** Lets `n` more statements through and makes the next one throw, once. */
  failAfter(n: number): StatementFault {
    this.#left = n;
    this.#hasHit = false;
    return {
      hasHit: () => this.#hasHit,
      disarm: () => {
        this.#left = null;
      },
    };
  }

  #pass(): void {
    if (this.#left === null) return;
    if (this.#left > 0) {
      this.#left -= 1;
      return;
    }
    this.#left = null;
    this.#hasHit = true;
    throw new Error('injected fault: the statement was not executed');
  }
}

function gated(statement: Database.Statement, pass: () => void): Database.Statement {
  return new Proxy(statement, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (property === 'run' || property === 'get' || property === 'all') pass();
        return Reflect.apply(value, target, args);
      };
    },
  });
}
