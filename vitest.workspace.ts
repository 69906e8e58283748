import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const packagesDir = join(import.meta.dirname, 'packages');

const postgresService = join(import.meta.dirname, 'scripts/services/vitest-postgres.mjs');

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | { readonly default?: string }>>;
}

const packages = readdirSync(packagesDir)
  .filter((dir) => existsSync(join(packagesDir, dir, 'package.json')))
  .map((dir) => {
    const root = join(packagesDir, dir);
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    return { dir, root, manifest };
  });

/** Every export of our packages, mapped from dist to source: tests need no build. */
const sourceAliases = packages.flatMap(({ root, manifest }) =>
  Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    const file = typeof target === 'string' ? target : target.default;
    if (!file?.startsWith('./dist/') || !file.endsWith('.js')) return [];
    const specifier = manifest.name + subpath.slice(1);
    const source = file.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
    return [{ find: new RegExp(`^${specifier}$`), replacement: join(root, source) }];
  }),
);

/** The servers that the tests of a package need; started once per run. */
function servicesOf(dir: string): string[] {
  return dir === 'store-drizzle' ? [postgresService] : [];
}

export default defineConfig({
  resolve: { alias: sourceAliases },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: join(import.meta.dirname, '.tmp/vitest.json') }]],
    projects: [
      ...packages.map(({ dir, root }) => ({
        extends: true as const,
        root,
        test: {
          name: dir,
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          globalSetup: servicesOf(dir),
        },
      })),
      {
        extends: true as const,
        root: join(import.meta.dirname, 'scripts'),
        test: { name: 'scripts', include: ['*.test.mjs'] },
      },
    ],
  },
});
