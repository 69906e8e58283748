import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Interpreter of a virtual environment; undefined where there is no Python. */
    readonly python: string | undefined;
  }
}
