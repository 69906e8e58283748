/** Servers for the databases: those that the tests use, started once for all scenarios. */

interface Service {
  readonly url: string | undefined;
  release(): Promise<void>;
}

interface TestServices {
  useService(name: string): Promise<Service>;
}

/** The same from `src` and from `dist`. It is plain JavaScript without types. */
const TEST_SERVICES = new URL('../../../scripts/services/index.mjs', import.meta.url);

const running = new Map<string, Promise<Service>>();

/** URL of a server whose user may create databases; undefined where it cannot be had. */
export async function serverUrl(
  name: 'postgres' | 'mariadb' | 'redis',
): Promise<string | undefined> {
  const service = running.get(name) ?? start(name);
  running.set(name, service);
  return (await service).url;
}

/** Stops what has been started. */
export async function stopServers(): Promise<void> {
  const services = await Promise.all(running.values());
  running.clear();
  await Promise.all(services.map(({ release }) => release()));
}

async function start(name: string): Promise<Service> {
  const { useService } = (await import(TEST_SERVICES.href)) as TestServices;
  return useService(name);
}
