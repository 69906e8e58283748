import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

const CLI = createRequire(import.meta.url).resolve('prisma/build/index.js');

/** `prisma validate` and `prisma generate`, with the project's own `prisma.config.ts`. */
export function generatePrismaClient(dir: string): void {
  // Prisma asks for the path of an engine that it would download, and does not start it.
  const own = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  const options = { cwd: dir, env: { ...process.env, ...own }, stdio: 'pipe' } as const;
  execFileSync(process.execPath, [CLI, 'validate'], options);
  execFileSync(process.execPath, [CLI, 'generate'], options);
}
