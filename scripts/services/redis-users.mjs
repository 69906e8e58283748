// The users that docs/redis.md recommends, for tests: what is written there is what is tested.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootDir } from '../workspace.mjs';

const PAGE = join(rootDir, 'docs/redis.md');
const KEYS = 'durable:default:';

/**
 * The words of `ACL SETUSER` for a user of the page.
 *
 * @param {'durable-engine' | 'durable-worker'} role
 * @param {{ name: string, keys: string }} as another name, and another beginning of all keys
 * @returns {string[]}
 */
export function documentedUser(role, { name, keys }) {
  const rules = lineOf(`user ${role} `).split(' ').slice(2);
  return [name, 'reset', ...rules.map((rule) => rule.replace(`~${KEYS}`, `~${keys}`))];
}

/**
 * The rules that the page adds for a worker that starts and signals runs.
 *
 * @param {string} keys another beginning of all keys
 * @returns {string[]}
 */
export function documentedCallerRules(keys) {
  const rules = lineOf('- A worker that starts and signals runs ').match(/~[^ `]+/g) ?? [];
  return rules.map((rule) => rule.replace(`~${KEYS}`, `~${keys}`));
}

function lineOf(start) {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  const line = lines.find((text) => text.startsWith(start));
  if (!line) throw new Error(`${PAGE} has no line "${start}…"`);
  return line;
}
