import { StoreClosedError, UnsupportedHandleError } from '../errors.js';
import { chainOf } from './conflict.js';

/** Of MySQL and MariaDB: access denied, to the database or at all; there is no such database. */
const DENIED_NUMBERS = new Set([1044, 1045, 1049, 1698]);

/** SQLSTATE: who asks is not known or may not (28), there is no such database (3D); and Prisma's own. */
const DENIED_CODES = /^((28|3D)[0-9A-Z]{3}|P1000|P1003|P1010)$/;

/** Whether the database has answered, and does not let us in: to ask again is of no use. */
export function isDenied(error: unknown): boolean {
  if (error instanceof UnsupportedHandleError || error instanceof StoreClosedError) return true;
  return chainOf(error).some(({ code, errno }) => {
    if (typeof errno === 'number' && DENIED_NUMBERS.has(errno)) return true;
    return typeof code === 'string' && DENIED_CODES.test(code);
  });
}
