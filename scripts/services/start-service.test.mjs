import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeTestFolder, useFakePrograms } from './fake-programs.mjs';
import { MissingServiceError, readExcuses } from './missing-service.mjs';
import { redis } from './redis.mjs';
import { startOrSkip } from './start-or-skip.mjs';
import { startService } from './start-service.mjs';

const EXCUSE = 'it is rare';
const NO_DOCKER = 'exit 1';
const DOCKER = 'case "$*" in *" up "*) echo "up: $DURABLE_REDIS_PORT" ;; esac';
const BROKEN_DOCKER = 'case "$*" in *" up "*) echo "no such image" >&2; exit 1 ;; esac';

/** A Redis that is not installed, nor can be. */
const absent = {
  ...redis,
  urlVariable: 'DURABLE_TEST_ABSENT_URL',
  packages: [],
  findPrograms: () => undefined,
  install: async () => undefined,
};

const SERVER = `
const server = require('node:net').createServer();
server.listen(process.argv[1], '127.0.0.1', () => console.log('Ready to accept connections'));`;
const PROGRAMS = { server: process.execPath };

/** One that is: any server does, and Node can be sure to be there. As root, who can get to it wherever it is. */
const present = {
  ...absent,
  users: ['root'],
  findPrograms: () => PROGRAMS,
  command: ({ programs, port }) => [programs.server, '--eval', SERVER, String(port)],
};

const errorOf = (service) => startService(service).catch((error) => error);

describe('a given URL', () => {
  it('is used before anything else, and left alone', async () => {
    vi.stubEnv(redis.urlVariable, 'redis://elsewhere:1234/5');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { calls } = useFakePrograms({ docker: DOCKER });

    const { url, stop } = await startService({ ...redis, findPrograms: () => expect.fail() });
    await stop();

    expect(url).toBe('redis://elsewhere:1234/5');
    expect(calls()).toEqual([]);
  });
});

describe('Docker Compose', () => {
  it('runs the service of compose.yaml on a free port, and takes it away', async () => {
    const { calls } = useFakePrograms({ docker: DOCKER });
    const { url, stop } = await startService(absent);
    expect(url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\/0$/);
    await stop();

    const ours = calls().filter((call) => call.includes('--project-name'));
    expect(ours).toEqual([
      expect.stringMatching(
        /^docker compose --file \S+\/compose\.yaml .* up --detach --wait redis$/,
      ),
      expect.stringMatching(/ down --volumes --timeout 5$/),
    ]);
    const [started, removed] = ours.map((call) => /--project-name (\S+)/.exec(call)?.[1]);
    expect(started).toBe(removed);
    expect(started).toContain(new URL(url).port);
  });

  it('takes the container away when the process is killed', async () => {
    const { calls } = useFakePrograms({ docker: DOCKER });
    const folder = JSON.stringify(import.meta.dirname);
    const code = `
      const { startComposeServer } = await import(${folder} + '/compose-server.mjs');
      const { redis } = await import(${folder} + '/redis.mjs');
      console.log((await startComposeServer(redis)).url);
      setInterval(() => {}, 60_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(createInterface({ input: child.stdout }), 'line');
    expect(calls().join('\n')).not.toContain(' down ');

    child.kill('SIGKILL');

    await vi.waitFor(() => expect(calls().join('\n')).toContain(' down '), { timeout: 20_000 });
  });

  it("is not used where the server's programs are", async () => {
    const { calls } = useFakePrograms({ docker: DOCKER });
    const { stop } = await startService(present);
    await stop();
    expect(calls()).toEqual([]);
  });
});

describe('installation', () => {
  it('comes after Docker, and brings the programs', async () => {
    const { calls } = useFakePrograms({ docker: BROKEN_DOCKER });
    const install = async () =>
      calls().some((call) => call.includes(' up ')) ? PROGRAMS : undefined;
    const { url, stop } = await startService({
      ...present,
      findPrograms: () => undefined,
      install,
    });
    expect(url).toMatch(/^redis:/);
    await stop();
  });

  it('is by apt-get, for root on Debian', async () => {
    const flag = join(makeTestFolder(), 'installed');
    const { calls } = useFakePrograms({
      docker: NO_DOCKER,
      'apt-get': `case "$*" in "install "*) : > '${flag}' ;; esac`,
    });
    const findPrograms = () => (existsSync(flag) ? PROGRAMS : undefined);
    const packages = ['redis-server'];
    const service = { ...present, packages, findPrograms, install: undefined };

    if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
      const { stop } = await startService(service);
      await stop();
      expect(calls()).toContain('apt-get update');
      expect(calls()).toContainEqual(
        expect.stringMatching(/^apt-get install --yes .* redis-server$/),
      );
    } else {
      await expect(startService(service)).rejects.toThrow(MissingServiceError);
      expect(calls().join('\n')).not.toContain('apt-get');
    }
  });
});

describe('a service that is missing', () => {
  it('has an error that says what to do, and what has been tried', async () => {
    useFakePrograms({ docker: BROKEN_DOCKER });
    const install = () => Promise.reject(new Error('apt is locked'));
    const error = await errorOf({ ...absent, packages: ['redis-server'], install });

    expect(error).toBeInstanceOf(MissingServiceError);
    expect(error.message).toContain('Redis is missing. Put redis-server on the PATH');
    expect(error.message).toContain('(Debian: apt-get install redis-server)');
    expect(error.message).toContain('`redis` of compose.yaml');
    expect(error.message).toContain('set DURABLE_TEST_ABSENT_URL to a server');
    expect(error.message).toContain('no such image');
    expect(error.message).toContain('apt is locked');
  });

  it('names no Debian package where there is none', async () => {
    useFakePrograms({ docker: NO_DOCKER });
    expect((await errorOf(absent)).message).not.toContain('apt-get');
  });

  it('has its excuse only where there is no Docker', async () => {
    const service = { ...absent, mayBeMissing: EXCUSE };
    useFakePrograms({ docker: NO_DOCKER });
    expect(await errorOf(service)).toMatchObject({ excuse: EXCUSE });
    useFakePrograms({ docker: BROKEN_DOCKER });
    expect(await errorOf(service)).toMatchObject({ excuse: undefined });
  });
});

describe('the tests on a service that is missing', () => {
  it.each([
    { CI: undefined, excuse: undefined, skips: true, notes: {} },
    { CI: undefined, excuse: EXCUSE, skips: true, notes: { redis: EXCUSE } },
    { CI: 'true', excuse: undefined, skips: false, notes: {} },
    { CI: 'true', excuse: EXCUSE, skips: true, notes: { redis: EXCUSE } },
  ])('are skipped, or fail: $CI, $excuse', async ({ CI, excuse, skips, notes }) => {
    useFakePrograms({ docker: NO_DOCKER });
    vi.stubEnv('CI', CI);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const folder = makeTestFolder();

    const started = startOrSkip({ ...absent, mayBeMissing: excuse }, folder);

    if (skips) expect(await started).toMatchObject({ url: undefined });
    else await expect(started).rejects.toThrow(MissingServiceError);
    expect(warn).toHaveBeenCalledTimes(skips ? 1 : 0);
    expect(readExcuses(folder)).toEqual(notes);
  });

  it('need no excuse any more when it is there', async () => {
    useFakePrograms({ docker: NO_DOCKER });
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    onTestFinished(() => void vi.restoreAllMocks());
    const folder = makeTestFolder();
    await startOrSkip({ ...absent, mayBeMissing: EXCUSE }, folder);

    const { stop } = await startOrSkip(present, folder);
    await stop();

    expect(readExcuses(folder)).toEqual({});
  });
});

it('a server that is there and does not start is a failure, and no missing one', async () => {
  const command = () => ['/bin/sh', '-c', 'echo bad option; exit 1'];
  const error = await errorOf({ ...present, mayBeMissing: EXCUSE, command });
  expect(error).not.toBeInstanceOf(MissingServiceError);
  expect(error.message).toContain('Redis does not start:\nbad option');
});
