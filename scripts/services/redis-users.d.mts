/** The words of `ACL SETUSER` for a user of docs/redis.md, under another name and for other keys. */
export function documentedUser(
  role: 'durable-engine' | 'durable-worker',
  as: { readonly name: string; readonly keys: string },
): string[];
