/** The modules of the stores' pages run: they start, execute a step on the ORM, and stop before the ORM closes. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { tsc } from '../src/compiler.js';
import { ROOT, readPage } from '../src/page.js';
import { writeProject } from '../src/project.js';

const run = promisify(execFile);
const PROJECTS = join(ROOT, 'compat/docs/dist/stores');
const server = inject('postgresUrl');

describe.skipIf(server === undefined)('on PostgreSQL', () => {
  it.each([
    'docs/stores/drizzle.md',
    'docs/stores/mikro-orm.md',
    'docs/stores/prisma.md',
    'docs/stores/typeorm.md',
  ])('the module of %s runs', async (path) => {
    const project = writeProject(readPage(path), PROJECTS);
    expect(await tsc('-p', project)).toBe('');
    const client = new Client({ connectionString: server });
    await client.connect();
    const name = `docs_${randomUUID().replaceAll('-', '')}`;
    await client.query(`create database ${name}`);
    const url = new URL(server ?? '');
    url.pathname = `/${name}`;
    const env = { ...process.env, DATABASE_URL: url.href, NO_COLOR: '1' };
    const driver = join(ROOT, 'compat/docs/drivers/store-page.mjs');
    const { stdout, stderr } = await run(process.execPath, [driver, project], { env });
    expect(stdout).toContain('the module runs');
    expect(stderr).toBe('');
    await client.query(`drop database ${name}`);
    await client.end();
  });
});
