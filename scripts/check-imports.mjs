// Fails, with file:line and the rule's name, on every import or global that the architecture
// forbids. The rules are in import-rules.mjs.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkFile } from './import-rules.mjs';
import { readPackages, rootDir } from './workspace.mjs';

const manifests = Object.fromEntries(readPackages().map(({ dir, manifest }) => [dir, manifest]));
const files = globSync(
  [
    '{packages,examples,compat}/*/{src,test}/**/*.{ts,tsx,mts,cts}',
    'benchmarks/src/**/*.ts',
    'chaos/{src,test}/**/*.ts',
  ],
  { cwd: rootDir, exclude: ['**/node_modules/**', '**/dist/**'] },
).sort();

let violations = 0;
for (const path of files) {
  const text = readFileSync(join(rootDir, path), 'utf8');
  for (const { line, rule, message } of checkFile({ path, text, manifests })) {
    console.error(`${path}:${line} [${rule}] ${message}`);
    violations += 1;
  }
}
console.log(`imports: ${files.length} files, ${violations} violations`);
process.exitCode = violations > 0 ? 1 : 0;
