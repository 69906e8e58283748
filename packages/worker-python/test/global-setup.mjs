import {
  MissingPythonError,
  makePythonEnvironment,
} from '../../../scripts/services/python-environment.mjs';

/** `inject('python')`: an interpreter with what the tests need; undefined at a desk without Python. */
export async function setup(project) {
  project.provide('python', await pythonOrSkip());
}

async function pythonOrSkip() {
  try {
    return await makePythonEnvironment();
  } catch (error) {
    if (!(error instanceof MissingPythonError) || process.env.CI === 'true') throw error;
    console.warn(`SKIPPED: the tests of the Python SDK. ${error.message}`);
    return undefined;
  }
}
