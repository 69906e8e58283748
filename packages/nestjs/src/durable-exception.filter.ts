import { DurableError } from '@dudousxd/nestjs-durable-core';
import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { throwError } from 'rxjs';

/** Nest's own shape of a response to an error, and the stable code. */
interface ErrorBody {
  readonly statusCode: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Turns errors of the engine that leave a request handler into responses: `RunNotFoundError` is a 404 with
 * `{ statusCode, code, message }`. Errors without an HTTP status are server errors and go Nest's usual way: logged, and
 * answered without their message. A filter of the application for `DurableError`, bound to a controller or with
 * `useGlobalFilters`, goes first.
 */
@Catch(DurableError)
export class DurableExceptionFilter extends BaseExceptionFilter {
  override catch(error: DurableError, host: ArgumentsHost): unknown {
    const kind = host.getType<'http' | 'rpc' | string>();
    if (kind === 'rpc') return throwError(() => error);
    // GraphQL and other transports make their own answer of what is thrown.
    if (kind !== 'http') throw error;
    const { httpStatus: statusCode, code, message } = error;
    if (statusCode === undefined) return super.catch(error, host);
    const body: ErrorBody = { statusCode, code, message };
    return super.catch(new HttpException(body, statusCode, { cause: error }), host);
  }
}
