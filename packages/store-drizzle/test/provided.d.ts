import 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database whose user may create others; undefined where there is none. */
    readonly postgresUrl: string | undefined;
  }
}
