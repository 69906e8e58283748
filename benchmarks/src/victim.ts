/** A process that starts runs, says so when all are in flight, and waits to be killed. */
import { join } from 'node:path';
import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { registerWorkloads } from './workloads.js';

const [folder = '', runs = '0', lease = '2000'] = process.argv.slice(2);
const store = new DrizzleStateStore(
  drizzle({ client: new Database(join(folder, 'bench.sqlite')) }),
);
const engine = new DurableEngine({ store, worker: { lease: Number(lease) } });
registerWorkloads(engine);
await engine.start();
await Promise.all(Array.from({ length: Number(runs) }, () => engine.startRun('slow', null)));
process.stdout.write('in flight\n');
