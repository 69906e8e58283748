import { randomUUID } from 'node:crypto';
import type { RedisOptions } from 'ioredis';

/** Keys that no other test uses. */
export function freshPrefix(): string {
  return `test-${randomUUID()}`;
}

/** Of a URL as the test servers have it. */
export function optionsOf(url: string): RedisOptions {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
