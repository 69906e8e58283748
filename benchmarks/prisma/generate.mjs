// Generates the Prisma clients into src/generated. Nothing is downloaded: `prisma generate` asks for the path of a schema
// engine, and does not start it.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const cli = createRequire(import.meta.url).resolve('prisma/build/index.js');

for (const provider of ['postgresql', 'mysql', 'sqlite']) {
  const schema = join(import.meta.dirname, `${provider}.prisma`);
  execFileSync(process.execPath, [cli, 'generate', '--schema', schema], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  });
}
