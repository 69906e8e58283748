import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeScratchFolder } from 'store-fixtures';
import { expect, test } from 'vitest';
import { prismaModels } from '../src/index.js';

const CLI = createRequire(import.meta.url).resolve('prisma/build/index.js');

test('the models for MySQL are valid', { timeout: 60_000 }, async () => {
  const folder = await makeScratchFolder();
  const schema = join(folder, 'schema.prisma');
  await writeFile(schema, `datasource db {\n  provider = "mysql"\n}\n${prismaModels('mysql')}`);
  // Prisma asks for the path of a schema engine, and does not start it.
  const own = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  const env = { ...process.env, ...own };
  const command = [CLI, 'validate', '--schema', schema];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  expect(stdout).toContain('is valid');
  await rm(folder, { recursive: true });
});
