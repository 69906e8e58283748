import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rootDir } from './workspace.mjs';

const built = globSync(
  [
    '.turbo',
    '.tmp',
    '{packages,examples,compat}/*/{dist,dist-swc,.turbo}',
    'benchmarks/{dist,src/generated,.turbo}',
  ],
  { cwd: rootDir },
);
for (const path of built) rmSync(join(rootDir, path), { recursive: true, force: true });
console.log(`clean: removed ${built.length} paths`);
