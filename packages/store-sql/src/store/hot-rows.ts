import { StoreBusyError } from '../errors.js';
import type { SqlExecutor } from '../sql/executor.js';
import type { Params, Query } from '../sql/statement.js';

/**
 * The answer of a statement of the hot path. One that fails has written nothing and answers with nothing: the script of
 * the verb finds out which item it was. Where the database is not there, the script would not find it either.
 */
export async function hotRows<Row>(
  executor: SqlExecutor,
  statement: Query<Row>,
  params: Params,
): Promise<readonly Row[]> {
  try {
    return await executor.statement(statement, params);
  } catch (error) {
    if (error instanceof StoreBusyError || executor.classify(error) !== 'unavailable') return [];
    throw error;
  }
}
