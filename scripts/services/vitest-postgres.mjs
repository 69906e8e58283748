// Vitest's globalSetup of the projects that test on PostgreSQL: `inject('postgresUrl')`, undefined where there is none.
import { useService } from './index.mjs';

export async function setup(project) {
  const { url, release } = await useService('postgres');
  project.provide('postgresUrl', url);
  return release;
}
