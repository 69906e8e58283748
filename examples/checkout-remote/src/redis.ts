import { Redis } from 'ioredis';

/** Says where Redis is. It is not connected itself: transports make connections of their own from it. */
export const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379', {
  lazyConnect: true,
});
