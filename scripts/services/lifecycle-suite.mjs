// What every service of the tests does: it starts, it stops, and it does not outlive the process that started it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { PARENTS, removeLeftovers } from './folders.mjs';
import { canConnect } from './ports.mjs';
import { SERVICES } from './services.mjs';

/** Of a start and a stop, on a busy machine. */
const TIMEOUT_MS = 180_000;
const PATIENCE = { timeout: 60_000, interval: 20 };

export function describeLifecycle(name) {
  const { title, urlVariable } = SERVICES[name];
  const url = inject(`${name}Url`);

  describe.skipIf(url === undefined)(`${title} for tests`, { timeout: TIMEOUT_MS }, () => {
    it('accepts connections', async () => {
      expect(await canConnect(Number(new URL(url).port))).toBe(true);
    });

    if (process.env[urlVariable]) {
      it('is the one that was given', () => expect(url).toBe(process.env[urlVariable]));
      return;
    }

    it('stops', async () => {
      const { port, child } = await startInChild(name);
      child.stdin.write('\n');
      await once(child, 'exit');
      expect(await canConnect(port)).toBe(false);
      expect(foldersOf(name, child.pid)).toEqual([]);
    });

    it('ends when its process is killed, and leaves nothing behind for the next run', async () => {
      const { port, child } = await startInChild(name);
      child.kill('SIGKILL');
      await vi.waitFor(async () => expect(await canConnect(port)).toBe(false), PATIENCE);
      await vi.waitFor(() => {
        removeLeftovers();
        expect(foldersOf(name, child.pid)).toEqual([]);
      }, PATIENCE);
    });
  });
}

async function startInChild(name) {
  const script = join(import.meta.dirname, 'start-in-child.mjs');
  const child = spawn(process.execPath, [script, name], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const [url] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  const { port } = new URL(url);
  expect(await canConnect(Number(port))).toBe(true);
  return { port: Number(port), child };
}

function foldersOf(name, pid) {
  const entries = PARENTS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder),
  );
  return entries.filter((entry) => entry.startsWith(`durable-${name}-${pid}-`));
}
