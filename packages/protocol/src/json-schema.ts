import { z } from 'zod';
import { type MessageType, messageSchemas, PROTOCOL_VERSION } from './messages.js';

const BASE = 'urn:nestjs-durable:protocol';

/**
 * JSON Schema (2020-12) of every message as it is written, by its type. For readers in other languages: fields that are
 * not named are to be ignored. `schema/` has them as files; `pnpm run schema` writes these.
 */
export function jsonSchemas(): Readonly<Record<MessageType, object>> {
  const entries = Object.entries(messageSchemas).map(([type, schema]) => {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
    const $id = `${BASE}:v${PROTOCOL_VERSION}:${type}`;
    return [type, { $schema, $id, title: type, ...rest }];
  });
  return Object.fromEntries(entries) as Record<MessageType, object>;
}
