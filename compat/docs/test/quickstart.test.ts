import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tsc } from '../src/compiler.js';
import { ROOT, readPage } from '../src/page.js';
import { writeProject } from '../src/project.js';

const run = promisify(execFile);
const PROJECTS = join(ROOT, 'compat/docs/dist/quickstart');

it('the quickstart of the README goes from pending over the signal to completed', async () => {
  const project = writeProject(readPage('README.md'), PROJECTS);
  expect(await tsc('-p', project)).toBe('');
  const driver = join(ROOT, 'compat/docs/drivers/quickstart.mjs');
  const { stdout, stderr } = await run(process.execPath, [driver, project]);
  expect(stdout).toContain('the quickstart runs');
  expect(stderr).toBe('');
});
