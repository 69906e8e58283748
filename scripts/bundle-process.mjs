// One file for a process that a test starts: one that loads it is up in a fraction of the time that the sources take.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { build } from 'vite';
import { rootDir } from './workspace.mjs';

const OURS = '@dudousxd/nestjs-durable';

/**
 * Bundles a TypeScript file of a package, and the sources of our packages. What else the package depends on is left where
 * it is: the bundle lies below the package.
 *
 * @param {string} entry
 * @param {string} packageDir
 * @returns {Promise<import('./bundle-process.mjs').ProcessBundle>}
 */
export async function bundleProcess(entry, packageDir) {
  await mkdir(join(packageDir, '.tmp'), { recursive: true });
  const outDir = await mkdtemp(join(packageDir, '.tmp/process-'));
  const own = await dependenciesOf(packageDir);
  const source = (name) => `${rootDir}/packages/${name}/src/index.ts`;
  await build({
    configFile: false,
    root: packageDir,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: new RegExp(`^${OURS}$`), replacement: source('nestjs') },
        { find: new RegExp(`^${OURS}-(.+)$`), replacement: source('$1') },
      ],
    },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: false,
      minify: false,
      target: 'node22',
      rolldownOptions: {
        external: (id) =>
          isBuiltin(id) || own.some((name) => id === name || id.startsWith(`${name}/`)),
        output: { entryFileNames: 'process.mjs' },
      },
    },
  });
  return {
    file: join(outDir, 'process.mjs'),
    dispose: () => rm(outDir, { recursive: true, force: true }),
  };
}

async function dependenciesOf(packageDir) {
  const text = await readFile(join(packageDir, 'package.json'), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(text);
  return Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !name.startsWith(OURS),
  );
}
