import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it('the landing page holds in an ESM application on Nest 12', async () => {
  const app = join(import.meta.dirname, '../dist/verify.js');
  const { stdout, stderr } = await run(process.execPath, [app]);
  expect(stdout).toContain('behaves as the landing page says');
  expect(stderr).toBe('');
});
