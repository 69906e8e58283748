import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { makeScratchFolder } from 'store-fixtures';
import { beforeEach, describe, expect, test } from 'vitest';

const HOOKS = new URL('../../testing/scripts/source-hooks.mjs', import.meta.url).href;
const WRITER = fileURLToPath(new URL('./writer-process.ts', import.meta.url));

interface WriterOptions {
  readonly driver: string;
  readonly name: string;
  readonly runs: number;
  readonly turns: number;
}

/** A process that commits, and what it has said so far. */
class Writer {
  readonly #process: ChildProcess;
  readonly #name: string;
  #acknowledged = 0;
  #errors = '';
  readonly exit: Promise<unknown>;

  constructor(
    file: string,
    { driver, name, runs, turns }: WriterOptions,
    onLine = (_: string) => {},
  ) {
    const args = ['--import', HOOKS, WRITER, driver, file, name, String(runs), String(turns)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    this.#name = name;
    this.exit = once(child, 'close');
    child.stderr.on('data', (chunk) => {
      this.#errors += String(chunk);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line !== 'ready') this.#acknowledged = Number(line);
      onLine(line);
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** When it has ended: the turns that it was told are durable, and its complaints. */
  async report(): Promise<{ name: string; acknowledged: number; errors: string }> {
    await this.exit;
    return { name: this.#name, acknowledged: this.#acknowledged, errors: this.#errors };
  }
}

let file: string;

beforeEach(async () => {
  const folder = await makeScratchFolder();
  file = join(folder, 'app.db');
  return () => rm(folder, { recursive: true });
});

function readHistories(): Map<string, number[]> {
  const db = new Database(file);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  const rows = db.prepare('select run_id, seq from durable_history order by run_id, seq').all();
  db.close();
  const histories = new Map<string, number[]>();
  for (const { run_id, seq } of rows as { run_id: string; seq: number }[]) {
    histories.set(run_id, [...(histories.get(run_id) ?? []), seq]);
  }
  return histories;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe.each(['better-sqlite3', 'libsql'])('several processes on one file of %s', (driver) => {
  test('4 × 500 commits, the schema included: nobody hears of a lock', {
    timeout: 120_000,
  }, async () => {
    new Database(file).close();
    const names = ['a', 'b', 'c', 'd'];
    const writers = names.map((name) => new Writer(file, { driver, name, runs: 1, turns: 500 }));
    const reports = await Promise.all(writers.map((writer) => writer.report()));
    expect(reports).toEqual(names.map((name) => ({ name, acknowledged: 500, errors: '' })));
    const histories = readHistories();
    for (const name of names) expect(histories.get(`${name}-0`)).toEqual(upTo(500));
  });

  test('SIGKILL in the middle of commits loses none that was acknowledged', {
    timeout: 120_000,
  }, async () => {
    new Database(file).close();
    const killed = async (round: number): Promise<void> => {
      const name = `k${round}`;
      const runs = 8;
      const writer = new Writer(file, { driver, name, runs, turns: 1_000_000 }, (line) => {
        if (Number(line) === 20 + round * 7) writer.kill();
      });
      const { acknowledged, errors } = await writer.report();
      expect(errors).toBe('');
      expect(acknowledged).toBeGreaterThanOrEqual(20);
      const histories = readHistories();
      const lengths = Array.from({ length: runs }, (_, i) => {
        const seqs = histories.get(`${name}-${i}`) ?? [];
        expect(seqs).toEqual(upTo(seqs.length));
        return seqs.length;
      });
      // A batch is there whole or not at all; of what was not acknowledged, at most the last.
      expect(new Set(lengths).size).toBe(1);
      expect(lengths[0]).toBeGreaterThanOrEqual(acknowledged);
      expect(lengths[0]).toBeLessThanOrEqual(acknowledged + 1);
    };
    for (let round = 0; round < 6; round += 1) await killed(round);
  });
});
