// Runs the module of a store's page as it was compiled: node store-page.mjs <folder of its project>, with DATABASE_URL
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { WorkflowService } from '@dudousxd/nestjs-durable';
import { MikroORM } from '@mikro-orm/postgresql';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';

const [, , project = ''] = process.argv;
const url = pathToFileURL(join(resolve(project), 'dist/src/app.module.js'));
const { AppModule } = await import(url.href);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
// What the page leaves to the reader: the tables of the application. Those of the store have to stay.
if (project.endsWith('mikro-orm')) await app.get(MikroORM).schema.update();
if (project.endsWith('prisma') || project.endsWith('drizzle')) {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await client.query('create table orders (id text primary key, total integer not null)');
  await client.end();
}

const workflows = app.get(WorkflowService);
const { runId } = await workflows.start('checkout', { id: 'o-1', total: 25 });
const kinds = async () =>
  (await workflows.history(runId)).map(({ type, kind }) => `${type} ${kind}`);
while ((await kinds()).length < 2) await delay(10);
assert.deepEqual(await kinds(), ['completed step', 'scheduled sleep']);
await app.close();
console.log('the module runs');
