import type { Logger, SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Redis } from 'ioredis';

/** What `INFO` says, by its names. */
function parseInfo(info: string): ReadonlyMap<string, string> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** What in the settings of a Redis makes it lose or refuse what queues keep in it. */
export function findSettings(info: string): readonly SettingFinding[] {
  const values = parseInfo(info);
  const findings: SettingFinding[] = [];
  const policy = values.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push({
      setting: 'maxmemory-policy',
      value: policy,
      wanted: 'noeviction',
      why: 'Redis throws away queued tasks and results when its memory is full; the steps run again.',
      how: 'Set `maxmemory-policy noeviction`, and use a Redis of its own for caches.',
    });
  }
  if (values.get('aof_enabled') === '0') {
    findings.push({
      setting: 'appendonly',
      value: 'no',
      wanted: 'yes',
      why: 'A restart of Redis loses queued tasks and results; the steps run again.',
      how: 'Set `appendonly yes`; `appendfsync everysec` is enough.',
    });
  }
  return findings;
}

/** Logs a warning per finding. A check that is not allowed or fails is no reason not to start. */
export async function warnOfServer(redis: Redis, logger: Logger): Promise<void> {
  try {
    for (const { setting, value, wanted, why, how } of findSettings(await redis.info())) {
      logger.warn(`Redis: ${setting} is ${value} (wanted: ${wanted}). ${why} ${how}`, {
        setting,
        value,
      });
    }
  } catch (error) {
    logger.debug('Looking at the settings of Redis failed.', { error });
  }
}
