import { readFile } from 'node:fs/promises';
import { MissingServiceError } from './missing-service.mjs';

/**
 * Whom to run a server as: databases refuse to run as root.
 *
 * @param {readonly string[]} names the preferred users
 * @returns {Promise<{ uid: number, gid: number } | undefined>} undefined = as ourselves
 * @throws MissingServiceError
 */
export async function unprivilegedUser(names) {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const [first] = [...names, 'nobody'].flatMap((name) => users.filter((user) => user[0] === name));
  if (!first) throw new MissingServiceError('A user other than root', 'Servers need one.');
  return { uid: Number(first[2]), gid: Number(first[3]) };
}
