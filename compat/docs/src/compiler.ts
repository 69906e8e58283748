import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './page.js';

const run = promisify(execFile);
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Runs the compiler from the root. @returns its output; empty where all is well */
export async function tsc(...args: readonly string[]): Promise<string> {
  const options = { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 };
  try {
    const { stdout } = await run(process.execPath, [TSC, '--pretty', 'false', ...args], options);
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    if (stdout === undefined) throw error;
    return `${stdout}${stderr ?? ''}` || String(error);
  }
}
