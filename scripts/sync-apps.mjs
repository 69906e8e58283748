// The apps under examples/ and compat/ get our packages as injected copies, so that each app's
// own NestJS satisfies their peers. An injected copy is taken at install time; this refreshes
// dist in every copy after a build.
import { cpSync, existsSync, globSync, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readPackages, rootDir } from './workspace.mjs';

let copies = 0;
for (const { root, manifest } of readPackages()) {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) continue;
  const pattern = `node_modules/.pnpm/@dudousxd+*/node_modules/${manifest.name}`;
  for (const match of globSync(pattern, { cwd: rootDir })) {
    const copy = join(rootDir, match);
    if (lstatSync(copy).isSymbolicLink()) continue;
    for (const entry of ['dist', 'package.json']) {
      // The copy may be a hard link to the original: unlink it before writing.
      rmSync(join(copy, entry), { recursive: true, force: true });
      cpSync(join(root, entry), join(copy, entry), { recursive: true });
    }
    copies += 1;
  }
}
console.log(`sync-apps: refreshed ${copies} injected copies`);
