// Programs for tests of the ways to get a server: shell scripts in a folder that is first on the PATH.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** A folder that is removed after the test. */
export function makeTestFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'durable-ways-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Puts programs before all others, for the rest of the test. What they were called with is written down.
 *
 * @param {Readonly<Record<string, string>>} scripts what they do, by name
 * @returns {{ calls(): string[] }} a line for each call: the program's name and its arguments
 */
export function useFakePrograms(scripts) {
  const folder = makeTestFolder();
  const log = join(folder, 'calls');
  for (const [name, script] of Object.entries(scripts)) {
    const text = `#!/bin/sh\necho "${name} $*" >> '${log}'\n${script}\n`;
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  return { calls };
}
