import type { RedisOptions } from 'ioredis';

/** @param url as the servers of tests have it */
export function redisOptions(url: string): RedisOptions {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
