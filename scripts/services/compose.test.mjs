import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { rootDir } from '../workspace.mjs';
import { SERVICES } from './services.mjs';

const compose = parse(readFileSync(join(rootDir, 'compose.yaml'), 'utf8'), { merge: true });

/** What MariaDB and MySQL are told beside their settings. */
const FLAGS = ['--skip-name-resolve'];

it('compose.yaml has the services of the tests', () => {
  expect(Object.keys(compose.services).sort()).toEqual(Object.keys(SERVICES).sort());
});

describe.each(Object.values(SERVICES))(
  '$title in compose.yaml',
  ({ name, settings, composePort }) => {
    const service = compose.services[name];

    it('has the settings of a server of our own', () => {
      expect(settingsOf(service.command)).toEqual(settings);
    });

    it('is open to this machine only, on the port that is asked for', () => {
      const variable = `DURABLE_${name.toUpperCase()}_PORT`;
      const pattern = new RegExp(`^127\\.0\\.0\\.1:\\$\\{${variable}:-\\d+\\}:${composePort}$`);
      expect(service.ports).toEqual([expect.stringMatching(pattern)]);
    });

    it('can be waited for', () => {
      expect(service.healthcheck.test).toContain(name === 'redis' ? 'redis-cli' : '127.0.0.1');
    });
  },
);

/** From `-cname=value`, `--name=value`, or `--name value`. */
function settingsOf(command) {
  const options = command.filter(
    (word, i) => !FLAGS.includes(word) && (i > 0 || word.startsWith('-')),
  );
  const words = options.flatMap((word) => word.replace(/^-c|^--/, '').split('='));
  const pairs = words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1]]] : []));
  return Object.fromEntries(pairs);
}
