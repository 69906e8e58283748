/**
 * Prepared statements whose plans do not grow old. PostgreSQL keeps the plan of a named statement, and one that was made
 * while a table was small may read all of it for every row when it has grown. So a statement is prepared anew, under
 * another name, after its 10th, 100th, 1,000th … use on a connection: a plan is never used for long on tables much
 * larger than those it was made for.
 *
 * Names are of this object alone: two stores on one pool, or two processes behind a pooler of connections, never drop each
 * other's statements, nor run one under the name of another.
 */
import { randomBytes } from 'node:crypto';
import type { PgConnection, PgQuery, PgResult } from './driver.js';

interface Prepared {
  generation: number;
  uses: number;
}

const GROWTH = 10;
/** From here on, the statistics of the server decide. */
const MAX_USES = 100_000;

/** The name is not known, or it is taken: somebody has dropped it, or a pooler has put another connection behind this one. */
const NAME_ERRORS = new Set(['26000', '42P05']);

/** Bytes that tell the names of one object from those of another. */
const TAG_BYTES = 6;

export class PreparedStatements {
  readonly #tag = randomBytes(TAG_BYTES).toString('hex');
  readonly #byConnection = new WeakMap<PgConnection, Map<string, Prepared>>();
  /** Connections that have lost a name: on them, statements go without, and are planned each time. */
  readonly #nameless = new WeakSet<PgConnection>();

  /** Sends a statement under its name. */
  async send(connection: PgConnection, name: string, query: PgQuery): Promise<PgResult> {
    if (this.#nameless.has(connection)) return connection.query(query);
    const { generation, uses } = this.#next(connection, name);
    try {
      if (uses === 1 && generation > 1) {
        const old = this.#nameOf(name, generation - 1);
        await connection.query({ text: `deallocate ${old}`, query_timeout: query.query_timeout });
      }
      return await connection.query({ ...query, name: this.#nameOf(name, generation) });
    } catch (error) {
      if (!isNameError(error)) throw error;
      // It has not run.
      this.#nameless.add(connection);
      return connection.query(query);
    }
  }

  #nameOf(name: string, generation: number): string {
    return `durable_${this.#tag}_${name.toLowerCase()}_${generation}`;
  }

  #next(connection: PgConnection, name: string): Readonly<Prepared> {
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

function isNameError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NAME_ERRORS.has(String(error.code));
}
