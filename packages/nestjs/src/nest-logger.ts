import { inspect } from 'node:util';
import type { Logger as DurableLogger } from '@dudousxd/nestjs-durable-core';
import { Logger } from '@nestjs/common';

type Fields = Readonly<Record<string, unknown>>;

/** Fields behind the message, on its line: a value cannot forge a line of its own. */
function withFields(message: string, fields: Fields | undefined): string {
  if (fields === undefined || Object.keys(fields).length === 0) return message;
  const shown = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? String(value) : value,
    ]),
  );
  return `${message} ${inspect(shown, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 3 })}`;
}

function stackOf(fields: Fields | undefined): string | undefined {
  const error = fields?.error;
  return error instanceof Error ? error.stack : undefined;
}

/** Makes the engine log through Nest's logger, so that `app.useLogger` and log levels hold for it too. */
export function nestLogger(context = 'Durable'): DurableLogger {
  const logger = new Logger(context);
  return {
    debug: (message, fields) => logger.debug(withFields(message, fields)),
    info: (message, fields) => logger.log(withFields(message, fields)),
    warn: (message, fields) => logger.warn(withFields(message, fields)),
    error: (message, fields) => logger.error(withFields(message, fields), stackOf(fields)),
  };
}
