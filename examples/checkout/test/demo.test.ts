import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const DEMO = join(import.meta.dirname, '../dist/demo.js');

it('the demo shows what it claims', async () => {
  const { stdout, stderr } = await run(process.execPath, [DEMO]);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('\u001B');
  expect(stdout.match(/^✓ /gm)).toHaveLength(4);
  const [killed, next] = [...stdout.matchAll(/process (\d+) +starts/g)].map((match) => match[1]);
  const tried = [...stdout.matchAll(/process (\d+) +payments\.charge-card +(.+)/g)];
  expect(tried.map((match) => match.slice(1))).toEqual([
    [killed, 'recorded'],
    [killed, 'began, killed in the middle'],
    [next, 'began again, recorded'],
  ]);
});
