/** The words of `ACL SETUSER` for a user of docs/redis.md, under another name and for other keys. */
export function documentedUser(
  role: 'durable-engine' | 'durable-worker',
  as: { readonly name: string; readonly keys: string },
): string[];

/** What docs/redis.md adds for a worker that starts and signals runs, for other keys. */
export function documentedCallerRules(keys: string): string[];
