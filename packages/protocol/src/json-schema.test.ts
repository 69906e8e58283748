import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from './index.js';

const folder = join(import.meta.dirname, '../schema');

describe('the files in schema/', () => {
  const schemas = Object.entries(jsonSchemas());

  it('are one for each message', () => {
    const names = schemas.map(([type]) => `${type}.json`).sort();
    expect(readdirSync(folder).sort()).toEqual(names);
  });

  it.each(schemas)('are what the schemas say; else run `pnpm run schema`: %s', (type, schema) => {
    expect(JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8'))).toEqual(schema);
  });

  it('leave room for fields that are not known yet', () => {
    expect(JSON.stringify(schemas)).not.toContain('"additionalProperties":false');
  });
});
