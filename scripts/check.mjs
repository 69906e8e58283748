// Everything CI runs. A failed build ends the run; every other failure is reported at the end.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rootDir } from './workspace.mjs';

const steps = [
  { name: 'build', args: ['build'], required: true },
  { name: 'lint', args: ['lint'] },
  { name: 'imports', args: ['imports'] },
  { name: 'typecheck', args: ['typecheck'] },
  { name: 'test', args: ['test'] },
  { name: 'compat', args: ['compat'] },
  { name: 'packaging', args: ['packaging'] },
  { name: 'test report', args: ['report-tests'] },
];

rmSync(join(rootDir, '.tmp'), { recursive: true, force: true });
console.log(`check: Node ${process.version}`);

const results = [];
for (const step of steps) {
  console.log(`\n──── ${step.name}`);
  const startedAt = performance.now();
  const { status } = spawnSync('pnpm', step.args, { cwd: rootDir, stdio: 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  results.push({ name: step.name, passed: status === 0, seconds });
  if (status !== 0 && step.required) break;
}

console.log('\n──── summary');
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
