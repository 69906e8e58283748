// The servers that tests can ask for.
import { mariadb } from './mariadb.mjs';
import { mysql } from './mysql.mjs';
import { postgres } from './postgres.mjs';
import { redis } from './redis.mjs';

/**
 * @typedef {object} Service
 * @property {string} name in file names (`*.<name>.test.ts`), and in `inject('<name>Url')`
 * @property {string} title
 * @property {string} urlVariable environment variable with the URL of a server to use instead
 * @property {string} programNames for messages
 * @property {readonly string[]} packages Debian packages that bring the programs; none: `install` does
 * @property {string} [mayBeMissing] an excuse for machines without Docker: why no `CI=true` run fails for want of it
 * @property {readonly string[]} users who it runs as when we are root
 * @property {Readonly<Record<string, string>>} settings the same here and in compose.yaml
 * @property {number} composePort inside its container
 * @property {string} stopSignal
 * @property {string} readyText what it writes when it accepts connections
 * @property {(port: number) => string} url with a user that may create databases
 * @property {() => Programs | undefined | Promise<Programs | undefined>} findPrograms on this machine
 * @property {() => Promise<Programs | undefined>} [install] another way to get the programs than its packages
 * @property {(start: Start & { spawnOptions: object }) => Promise<void>} initialize makes its files in an empty folder
 * @property {(start: Start & { port: number }) => string[]} command
 *
 * @typedef {Readonly<Record<string, string | readonly string[]>>} Programs paths by role, or the begin of a command
 * @typedef {{ readonly programs: Programs, readonly folder: string }} Start
 */

/** @type {Readonly<Record<string, Service>>} */
export const SERVICES = { postgres, mariadb, mysql, redis };
