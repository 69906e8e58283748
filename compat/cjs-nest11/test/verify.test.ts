import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it.each([
  ['tsc', 'dist'],
  ['SWC', 'dist-swc'],
])(
  'the landing page holds in a CommonJS application on Nest 11 built by %s',
  async (_name, dir) => {
    const app = join(__dirname, '..', dir, 'verify.js');
    const { stdout, stderr } = await run(process.execPath, [app]);
    expect(stdout).toContain('behaves as the landing page says');
    expect(stderr).toBe('');
  },
);
