/** There is no Python that the package could run on, or pip cannot get what it needs. */
export class MissingPythonError extends Error {}

/** A virtual environment with what the package needs, made once on this machine. Answers its interpreter. */
export function makePythonEnvironment(): Promise<string>;
