/** A transaction of a libSQL client for one `ctx.transaction`, as the ORM has it: its statements are guarded. */
import type { BodyGuard } from '@dudousxd/nestjs-durable-store-sql';
import type { LibSqlResult, LibSqlStatement, LibSqlTransaction } from './client.js';

export class BodyTransaction implements LibSqlTransaction {
  readonly guard: BodyGuard;
  /** For the store's own last statements. */
  readonly native: LibSqlTransaction;
  #hasSentCommit = false;
  #hasEnded = false;

  constructor(native: LibSqlTransaction, guard: BodyGuard) {
    this.native = native;
    this.guard = guard;
  }

  get closed(): boolean {
    return this.native.closed;
  }

  /** A COMMIT was acknowledged, or a ROLLBACK that follows none. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** As the ORM calls it. */
  async execute(statement: LibSqlStatement): Promise<LibSqlResult> {
    this.guard.pass(statement.sql);
    return this.guard.during(this.native.execute(statement as never));
  }

  async commit(): Promise<void> {
    this.guard.pass('commit');
    this.#hasSentCommit = true;
    await this.native.commit();
    this.#hasEnded = true;
  }

  async rollback(): Promise<void> {
    this.guard.pass('rollback');
    // After a COMMIT that has failed there is nothing to roll back, and it says that all is well.
    await this.native.rollback();
    this.#hasEnded = !this.#hasSentCommit;
  }
}
