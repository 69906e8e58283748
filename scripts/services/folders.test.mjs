import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PARENTS, pidFileOf, removeLeftovers } from './folders.mjs';

const deadPid = spawnSync(process.execPath, ['--version']).pid;
const LONG_AGO = new Date(Date.now() - 3_600_000);

/** A folder in every place where they can be. */
function makeFolders(pid, guard) {
  const folders = PARENTS.map((parent) => join(parent, `durable-folders-${pid}-1`));
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    if (guard !== undefined) writeFileSync(pidFileOf(folder), guard);
  }
  return folders;
}

describe('the folders of a killed process', () => {
  it.each([
    ['stay while the server ends', `${process.pid}\n`, true],
    ['go when it has ended', 'ended\n', false],
    ['go when its guard was killed, too', `${deadPid}\n`, false],
    ['stay while the server may be making its files', undefined, true],
  ])('%s', (_, guard, stay) => {
    const folders = makeFolders(deadPid, guard);
    removeLeftovers();
    expect(folders.map((folder) => existsSync(folder))).toEqual(folders.map(() => stay));
  });

  it('go when there was no server for long', () => {
    const folders = makeFolders(deadPid, undefined);
    for (const folder of folders) utimesSync(folder, LONG_AGO, LONG_AGO);
    removeLeftovers();
    expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
  });
});

it('the folders of a process that is there stay', () => {
  const folders = makeFolders(process.pid, 'ended\n');
  removeLeftovers();
  expect(folders.filter((folder) => existsSync(folder))).toEqual(folders);
});
