import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findFromSid } from './debian-sid.mjs';
import { makeTestFolder, useFakePrograms } from './fake-programs.mjs';
import { run } from './run.mjs';

const WANTED = { name: 'tool', series: '9.7', program: 'usr/bin/tool' };

/** "Downloads" a package, which is a tar file here. */
const APT = `
case "$*" in *" install "*)
  for option in "$@"; do case "$option" in Dir::Cache::archives=*) archives=\${option#*=} ;; esac; done
  cp "$TEST_DEB" "$archives/tool.deb" ;;
esac`;
const DPKG = 'tar --extract --file "$2" --directory "$3"';
/** A loader runs what it is given after its own options. */
const LOADER = '#!/bin/sh\nshift 2; exec "$@"\n';

function unpack(cache) {
  const target = join(cache, `tool-9.7-${process.arch}`);
  const script = join(import.meta.dirname, 'unpack-from-sid.sh');
  const args = [target, 'keyring.gpg', 'http://mirror', ...Object.values(WANTED)];
  return run(['/bin/sh', script, ...args]);
}

async function makePackage({ tool }) {
  const folder = makeTestFolder();
  for (const [path, text] of [
    ['usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', LOADER],
    ['usr/bin/tool', tool],
  ]) {
    mkdirSync(join(folder, 'files', path, '..'), { recursive: true });
    writeFileSync(join(folder, 'files', path), text, { mode: 0o755 });
  }
  const deb = join(folder, 'tool.deb');
  await run(['tar', '--create', '--file', deb, '--directory', join(folder, 'files'), '.']);
  vi.stubEnv('TEST_DEB', deb);
}

function useCache() {
  const cache = makeTestFolder();
  vi.stubEnv('DURABLE_TEST_CACHE', cache);
  onTestFinished(() => void vi.unstubAllEnvs());
  return cache;
}

describe('a package of sid beside the system', () => {
  it('runs through its own loader', async () => {
    const cache = useCache();
    const { calls } = useFakePrograms({ 'apt-get': APT, 'dpkg-deb': DPKG });
    await makePackage({ tool: '#!/bin/sh\necho "tool $*"\n' });
    expect(findFromSid(WANTED)).toBeUndefined();

    await unpack(cache);

    const { command, root } = findFromSid(WANTED);
    expect(command[0]).toContain('/ld-linux-x86-64.so.2');
    expect(await run([...command, 'does', 'it'])).toBe('tool does it\n');
    expect(root.startsWith(cache)).toBe(true);
    expect(calls()).toContainEqual(expect.stringMatching(/--download-only install tool=9\.7\.\*$/));
  });

  it('is fetched once', async () => {
    const cache = useCache();
    const { calls } = useFakePrograms({ 'apt-get': APT, 'dpkg-deb': DPKG });
    await makePackage({ tool: '#!/bin/sh\n' });
    await unpack(cache);
    const count = calls().length;
    await unpack(cache);
    expect(calls()).toHaveLength(count);
  });

  it('is whole, even if an earlier try was killed in the middle', async () => {
    const cache = useCache();
    useFakePrograms({ 'apt-get': APT, 'dpkg-deb': DPKG });
    await makePackage({ tool: '#!/bin/sh\n' });
    const partial = join(cache, `tool-9.7-${process.arch}.partial`);
    mkdirSync(join(partial, 'root/usr/lib/x86_64-linux-gnu'), { recursive: true });
    writeFileSync(join(partial, 'root/garbage'), '');
    expect(findFromSid(WANTED)).toBeUndefined();

    await unpack(cache);

    expect(existsSync(join(findFromSid(WANTED).root, 'garbage'))).toBe(false);
    expect(existsSync(partial)).toBe(false);
  });

  it.each([
    [
      'it has moved on',
      { 'apt-get': "echo 'E: Version not found' >&2; exit 100", 'dpkg-deb': DPKG },
      '',
    ],
    [
      'it is broken',
      { 'apt-get': APT, 'dpkg-deb': DPKG },
      '#!/bin/sh\necho "E: Version not found"; exit 1\n',
    ],
  ])('is not there at all when %s', async (_, programs, tool) => {
    const cache = useCache();
    useFakePrograms(programs);
    await makePackage({ tool });
    await expect(unpack(cache)).rejects.toThrow('Version not found');
    expect(readdirSync(cache)).toEqual([]);
  });
});
