// Writes the JSON Schema of every message to schema/. Build first: it reads dist.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemas } from '../dist/index.js';

const folder = join(import.meta.dirname, '../schema');
for (const [type, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(join(folder, `${type}.json`), `${JSON.stringify(schema, null, 2)}\n`);
}
