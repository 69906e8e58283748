// Generates the Prisma clients of the tests into test/generated, where they are not there yet. Nothing is downloaded:
// `prisma generate` asks for the path of a schema engine, and does not start it.
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import prisma from 'prisma/package.json' with { type: 'json' };

const PROVIDERS = ['postgresql', 'mysql', 'sqlite'];

const target = join(import.meta.dirname, 'generated');
const cli = createRequire(import.meta.url).resolve('prisma/build/index.js');

const schemaOf = (provider) => `// Prisma ${prisma.version}
generator client {
  provider = "prisma-client"
  output   = "${provider}"
}

datasource db {
  provider = "${provider}"
}

model Note {
  id   Int    @id
  text String

  @@map("notes")
}

model Order {
  id String @id

  @@map("orders")
}
`;

/**
 * Into a folder of its own first: several test projects may do this at once, and the first to be done is enough. The
 * schema is there when the client is complete.
 */
async function generate(provider) {
  const text = schemaOf(provider);
  const place = join(target, provider);
  if (isGenerated(place, text)) return;
  mkdirSync(target, { recursive: true });
  const work = mkdtempSync(join(target, '.'));
  const schema = join(work, 'schema.prisma');
  writeFileSync(schema, text);
  await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', schema], {
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  });
  renameSync(schema, join(work, provider, 'schema.prisma'));
  if (!isGenerated(place, text)) {
    rmSync(place, { recursive: true, force: true });
    renameSync(join(work, provider), place);
  }
  rmSync(work, { recursive: true });
}

function isGenerated(place, text) {
  const schema = join(place, 'schema.prisma');
  return existsSync(schema) && readFileSync(schema, 'utf8') === text;
}

/** Vitest's global setup; `node global-setup.mjs` does the same. */
export async function setup() {
  await Promise.all(PROVIDERS.map(generate));
}

if (process.argv[1] === import.meta.filename) await setup();
