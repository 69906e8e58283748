import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';

/**
 * A new folder for database files. In memory where the system has that: thousands of small durable commits would wait
 * for the disk, and nothing here tests the disk.
 */
export function makeScratchFolder(): Promise<string> {
  return mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'durable-sqlite-'));
}
