import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const rootDir = join(import.meta.dirname, '..');

/** Our publishable packages: `{ dir, root, manifest }`, sorted by directory name. */
export function readPackages() {
  const packagesDir = join(rootDir, 'packages');
  return readdirSync(packagesDir)
    .sort()
    .map((dir) => ({ dir, root: join(packagesDir, dir) }))
    .filter(({ root }) => existsSync(join(root, 'package.json')))
    .map((entry) => ({
      ...entry,
      manifest: JSON.parse(readFileSync(join(entry.root, 'package.json'), 'utf8')),
    }));
}
