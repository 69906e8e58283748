import { findExecutable } from './executables.mjs';

/** At most the last second is lost, and nothing is thrown away for want of memory: what a queue needs. */
const SETTINGS = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  'maxmemory-policy': 'noeviction',
};

/** @type {import('./services.mjs').Service} */
export const redis = {
  name: 'redis',
  title: 'Redis',
  urlVariable: 'DURABLE_TEST_REDIS_URL',
  programNames: 'redis-server',
  packages: ['redis-server'],
  users: ['redis'],
  settings: SETTINGS,
  composePort: 6379,
  stopSignal: 'TERM',
  readyText: 'Ready to accept connections',

  url: (port) => `redis://127.0.0.1:${port}/0`,

  findPrograms() {
    const server = findExecutable('redis-server');
    return server && { server };
  },

  async initialize() {},

  command({ programs, folder, port }) {
    const here = { port: String(port), bind: '127.0.0.1', dir: folder };
    const options = Object.entries({ ...here, ...SETTINGS });
    return [programs.server, ...options.flatMap(([name, value]) => [`--${name}`, value])];
  },
};
