import 'vitest';

declare module 'vitest' {
  /** Servers whose user may create databases; undefined where there is none. See docs/test-servers.md. */
  export interface ProvidedContext {
    /** `postgres://durable@127.0.0.1:…/postgres`, in files named `*.postgres.test.ts`. */
    readonly postgresUrl: string | undefined;
    /** `mysql://durable@127.0.0.1:…/durable`, in files named `*.mariadb.test.ts`. */
    readonly mariadbUrl: string | undefined;
    /** `mysql://durable@127.0.0.1:…/durable`, in files named `*.mysql.test.ts`. */
    readonly mysqlUrl: string | undefined;
    /** `redis://127.0.0.1:…/0`, in files named `*.redis.test.ts`. */
    readonly redisUrl: string | undefined;
    /** The services of this test project. */
    readonly testServices: readonly string[];
  }
}
