import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const packagesDir = join(import.meta.dirname, 'packages');

const servicesDir = join(import.meta.dirname, 'scripts/services');
const serviceSetup = join(servicesDir, 'vitest-setup.mjs');

/** `orders.postgres.test.ts` is tested with a PostgreSQL, `orders.mariadb.mysql.test.ts` with both of these. */
const SERVICE = '{postgres,mariadb,mysql,redis}';
const SERVICES_IN_NAME = /\.((?:(?:postgres|mariadb|mysql|redis)\.)+)test\.(?:ts|mjs)$/;

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

/**
 * The test projects of a folder: one for the files that need no server, and one for every set of servers in file names.
 * A project's servers are started when one of its files is selected.
 */
function projectsOf(
  name: string,
  root: string,
  include: readonly string[],
): TestProjectInlineConfiguration[] {
  const named = globSync([...include], { cwd: root }).map(
    (path) => SERVICES_IN_NAME.exec(path)?.[1],
  );
  const sets = [...new Set(named.filter((services) => services !== undefined))].sort();
  return ['', ...sets].map((services) => ({
    extends: true as const,
    root,
    test: {
      name: services === '' ? name : `${name}:${services.slice(0, -1)}`,
      include: include.map((pattern) => pattern.replace('*.test', `*.${services}test`)),
      exclude: include.map((pattern) => pattern.replace('*.test', `*.${SERVICE}.${services}test`)),
      globalSetup: [...ownSetup(root), ...(services === '' ? [] : [serviceSetup])],
      provide: { testServices: services.split('.').slice(0, -1) },
    },
  }));
}

/** What has to be there before the tests of a folder are loaded. */
function ownSetup(root: string): string[] {
  const file = join(root, 'test/global-setup.mjs');
  return existsSync(file) ? [file] : [];
}

/** After everything else, and one file at a time: its processes need the whole machine, and so do timing tests. */
function alone(project: TestProjectInlineConfiguration): TestProjectInlineConfiguration {
  return {
    ...project,
    test: { ...project.test, maxWorkers: 1, sequence: { groupOrder: 1 } },
  };
}

/** Tests of the engine that hold as well where another process has the code of the workflows. */
const codeElsewhere: TestProjectInlineConfiguration = {
  extends: true,
  root: join(packagesDir, 'core'),
  test: {
    name: 'core-elsewhere',
    include: [
      'test/{cancel,children,concurrency,heartbeats,history-reads,lifecycle,remote}.test.ts',
      'test/{interleavings-stop,run-lifecycle,same-id-starts,signals,start-order}.test.ts',
    ],
    env: { WORKFLOW_CODE: 'elsewhere' },
  },
};

export default defineConfig({
  resolve: { alias: sourceAliases },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    pool: 'forks',
    // A hang is found all the same, and a busy machine is no failure.
    testTimeout: 30_000,
    maxWorkers: 2,
    reporters: [
      'default',
      ['json', { outputFile: join(import.meta.dirname, '.tmp/vitest.json') }],
      join(servicesDir, 'vitest-reporter.mjs'),
    ],
    projects: [
      ...packages.flatMap(({ dir, root }) =>
        projectsOf(dir, root, ['src/**/*.test.ts', 'test/**/*.test.ts']),
      ),
      codeElsewhere,
      ...projectsOf('scripts', join(import.meta.dirname, 'scripts'), ['**/*.test.mjs']),
      ...projectsOf('chaos', join(import.meta.dirname, 'chaos'), ['test/**/*.test.ts']).map(alone),
    ],
  },
});
