// Runs the quickstart of the README as it was compiled: node quickstart.mjs <folder of its project>
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const [, , project = ''] = process.argv;
const require = createRequire(import.meta.url);
const compiled = (name) => require(join(resolve(project), 'dist', name));
const { AppModule } = compiled('app.module.js');
const { Snippet } = compiled('checkout.snippet.js');

class Main {}
Module({ imports: [AppModule], providers: [Snippet] })(Main);

const app = await NestFactory.createApplicationContext(Main, { logger: ['error', 'warn'] });
const snippet = app.get(Snippet);
const workflows = app.get(WorkflowService);

const started = await workflows.start('checkout', { id: 'o-0', total: 1 });
assert.equal(started.status, 'pending');

const runId = await snippet.checkout({ id: 'o-1', total: 100 });
const ended = workflows.waitForRun(runId);
await snippet.approve('o-1');
assert.deepEqual(await ended, { runId, status: 'completed', output: { status: 'shipped' } });

const history = await workflows.history(runId);
assert.deepEqual(
  history.map(({ type, kind, name }) => `${type} ${kind} ${name}`),
  [
    'completed step reserveStock',
    'scheduled signal approve:o-1',
    'completed signal approve:o-1',
    'completed step ship',
  ],
);
await app.close();
console.log('the quickstart runs');
