/**
 * Prepared statements whose plans do not grow old. PostgreSQL keeps the plan of a named statement, and one that was made
 * while a table was small may read all of it for every row when it has grown. So a statement is prepared anew, under
 * another name, after its 10th, 100th, 1,000th … use on a connection: a plan is never used for long on tables much
 * larger than those it was made for.
 */
import type { PgConnection, PgQuery, PgResult } from './driver.js';

interface Prepared {
  generation: number;
  uses: number;
}

const GROWTH = 10;
/** From here on, the statistics of the server decide. */
const MAX_USES = 100_000;

/** The name is not known, or it is taken: the connection is not the same as before, as behind a pooler. */
const NAME_ERRORS = new Set(['26000', '42P05']);

export class PreparedStatements {
  readonly #byConnection = new WeakMap<PgConnection, Map<string, Prepared>>();
  /** A pooler of connections stands between: statements go without a name, and are planned each time. */
  #isRefused = false;

  /** Sends a statement under its name. */
  async send(connection: PgConnection, name: string, query: PgQuery): Promise<PgResult> {
    if (this.#isRefused) return connection.query(query);
    const prepared = this.#next(connection, name);
    if (prepared.uses === 1 && prepared.generation > 1) {
      const old = nameOf(name, prepared.generation - 1);
      await connection.query({ text: `deallocate ${old}`, query_timeout: query.query_timeout });
    }
    try {
      return await connection.query({ ...query, name: nameOf(name, prepared.generation) });
    } catch (error) {
      if (!isNameError(error)) throw error;
      // It has not run.
      this.#isRefused = true;
      return connection.query(query);
    }
  }

  #next(connection: PgConnection, name: string): Prepared {
    const known = this.#byConnection.get(connection) ?? new Map<string, Prepared>();
    this.#byConnection.set(connection, known);
    const prepared = known.get(name) ?? { generation: 1, uses: 0 };
    known.set(name, prepared);
    if (prepared.uses >= Math.min(GROWTH ** prepared.generation, MAX_USES)) {
      prepared.generation += 1;
      prepared.uses = 0;
    }
    prepared.uses += 1;
    return prepared;
  }
}

function nameOf(name: string, generation: number): string {
  return `durable_${name.toLowerCase()}_${generation}`;
}

function isNameError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NAME_ERRORS.has(String(error.code));
}
