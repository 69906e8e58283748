// Vitest's globalSetup of the projects that test on servers: `inject('postgresUrl')` and so on, undefined where there is
// none.
import { useService } from './index.mjs';

export async function setup(project) {
  const names = project.config.provide.testServices;
  const used = await Promise.all(names.map((name) => useService(name)));
  for (const [i, { url }] of used.entries()) project.provide(`${names[i]}Url`, url);
  return () => Promise.all(used.map(({ release }) => release()));
}
