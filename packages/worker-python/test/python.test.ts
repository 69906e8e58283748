/** The tests, types and style of the Python sources, by Python's own tools. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

const python = inject('python');
const packageDir = join(import.meta.dirname, '..');
const TIMEOUT_MS = 240_000;

/** What the command printed, where it failed. */
async function complaintsOf(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PYTHONPATH: join(packageDir, 'src'), PYTHONDONTWRITEBYTECODE: '1' };
  try {
    await promisify(execFile)(python ?? '', args, { cwd: packageDir, env });
    return '';
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return `${String(error)}\n${stdout}${stderr}`;
  }
}

describe.skipIf(python === undefined)('the Python SDK', () => {
  it('passes its own tests', { timeout: TIMEOUT_MS }, async () => {
    expect(await complaintsOf('-m', 'pytest')).toBe('');
  });

  it('has no type errors, in strict mode', { timeout: TIMEOUT_MS }, async () => {
    expect(await complaintsOf('-m', 'mypy')).toBe('');
  });

  it('is formatted, and has nothing that the linter objects to', async () => {
    const places = ['--config', 'pyproject.toml', '.', '../../examples'];
    expect(await complaintsOf('-m', 'ruff', 'check', ...places)).toBe('');
    expect(await complaintsOf('-m', 'ruff', 'format', '--check', ...places)).toBe('');
  });

  it('is packed with its types, and imports from there', { timeout: TIMEOUT_MS }, async () => {
    await mkdir(join(packageDir, '.tmp'), { recursive: true });
    const folder = await mkdtemp(join(packageDir, '.tmp/wheel-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const build = ['wheel', '--no-deps', '--no-build-isolation', '--quiet', '-w', folder, '.'];
    expect(await complaintsOf('-m', 'pip', '--disable-pip-version-check', ...build)).toBe('');
    const check = `
import glob, sys, zipfile
(wheel,) = glob.glob(sys.argv[1] + "/durable_worker-*.whl")
names = set(zipfile.ZipFile(wheel).namelist())
assert {"durable_worker/__init__.py", "durable_worker/py.typed"} <= names, names
sys.path.insert(0, wheel)
import durable_worker
assert wheel in durable_worker.__file__, durable_worker.__file__
`;
    expect(await complaintsOf('-c', check, folder)).toBe('');
  });
});
