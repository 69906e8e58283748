// An interpreter for the Python SDK and its tests.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rootDir } from '../workspace.mjs';
import { makeCacheFolder } from './cache-folder.mjs';

const run = promisify(execFile);
const packageDir = join(rootDir, 'packages/worker-python');

/** Prints what pyproject.toml asks for, with the extra `dev`; fails below the oldest Python that it takes. */
const LIST_REQUIREMENTS = `
import json, sys, tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
print(json.dumps([sys.version, wanted]))
`;

/** There is no Python that the package could run on, or pip cannot get what it needs. */
export class MissingPythonError extends Error {
  name = 'MissingPythonError';
}

/**
 * A virtual environment with what the package needs and its tests need, not with the package itself: its sources are
 * tested. Made once for each list of requirements, in the folder for what tests download.
 *
 * @returns {Promise<string>} its interpreter
 * @throws MissingPythonError
 */
export async function makePythonEnvironment() {
  const python = process.env.DURABLE_TEST_PYTHON || 'python3';
  const [version, requirements] = await requirementsOf(python);
  const key = createHash('sha256')
    .update(JSON.stringify([version, requirements]))
    .digest('hex');
  const folder = join(await makeCacheFolder(), `python-${key.slice(0, 16)}`);
  if (!existsSync(folder)) await make(python, requirements, folder);
  return join(folder, 'bin/python');
}

async function requirementsOf(python) {
  try {
    const { stdout } = await run(python, ['-c', LIST_REQUIREMENTS], { cwd: packageDir });
    return JSON.parse(stdout);
  } catch (cause) {
    const todo = 'Install it with its venv module, or name one in DURABLE_TEST_PYTHON.';
    throw new MissingPythonError(`Python 3.11 or newer is missing (${python}). ${todo}`, { cause });
  }
}

/** Beside its place first: whoever is interrupted leaves nothing half done, and two at once do no harm. */
async function make(python, requirements, folder) {
  const draft = `${folder}.${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  try {
    await run(python, ['-m', 'venv', draft]);
    await run(join(draft, 'bin/python'), [...pip, ...requirements]);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new MissingPythonError(`Python's packages could not be installed: ${cause}`, { cause });
  }
  try {
    await rename(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    await rm(draft, { recursive: true, force: true });
  }
}
