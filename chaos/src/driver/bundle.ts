/** One file for the applications: a process that loads it is up in a fraction of the time of one that loads the sources. */
import { join } from 'node:path';
import { build } from 'vite';

const chaosDir = join(import.meta.dirname, '../..');
const packagesDir = join(chaosDir, '../packages');

/** Of the applications' own dependencies: left where they are. */
const EXTERNAL = [
  '@nestjs/common',
  '@nestjs/core',
  'bullmq',
  'drizzle-orm',
  'ioredis',
  'pg',
  'reflect-metadata',
  'rxjs',
  'zod',
];

/**
 * @param outDir below this package: the bundle finds its dependencies from there
 * @returns path of the bundle
 */
export async function bundleApp(outDir: string): Promise<string> {
  const entryFileNames = 'app.mjs';
  await build({
    configFile: false,
    root: chaosDir,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^@dudousxd\/nestjs-durable$/, replacement: `${packagesDir}/nestjs/src/index.ts` },
        {
          find: /^@dudousxd\/nestjs-durable-(.+)$/,
          replacement: `${packagesDir}/$1/src/index.ts`,
        },
      ],
    },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    ssr: { noExternal: true, external: [...EXTERNAL] },
    build: {
      ssr: join(chaosDir, 'src/app/main.ts'),
      outDir,
      emptyOutDir: false,
      minify: false,
      target: 'node22',
      rolldownOptions: { output: { entryFileNames } },
    },
  });
  return join(outDir, entryFileNames);
}
