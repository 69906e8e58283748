/** A wake-up that comes while its run is being suspended is not lost, however the two transactions fall. */
import { inputDigest, type NewRun, type Turn } from '@dudousxd/nestjs-durable-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool, type PoolClient } from 'pg';
import { PostgresDatabase } from 'store-fixtures';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { DrizzleStateStore } from '../src/index.js';

const server = inject('postgresUrl');

const parent: NewRun = {
  ...{ id: 'parent', namespace: 'default', workflow: 'order', version: '1', input: '{}' },
  ...{ inputDigest: inputDigest('{}'), seed: 's', parent: null, tags: [], priority: 0 },
  ...{ startAt: null, timeoutMs: null },
};

const suspension: Turn = {
  ...{ runId: 'parent', worker: 'w1', epoch: 1, branch: 0, namespace: 'default', events: [] },
  ...{ consumedInbox: [], consumedSignals: [], waits: [], withdrawals: [], tasks: [] },
  ...{ endedTasks: [], children: [], messages: [] },
  change: {
    to: 'suspended',
    wakeAt: null,
    waitingFor: [{ kind: 'child', name: 'order', position: 1 }],
  },
};

const claim = {
  ...{ worker: 'w1', namespace: 'default', serves: ['order@1'], limit: 10, resync: false },
};

/** Makes the next COMMIT that goes through the pool wait. */
class CommitGate {
  #release: (() => void) | undefined;
  /** Whether a COMMIT waits. */
  isShut = false;
  #isArmed = false;

  constructor(pool: Pool) {
    pool.on('connect', (client) => this.#guard(client));
  }

  arm(): void {
    this.#isArmed = true;
  }

  open(): void {
    this.#release?.();
  }

  #guard(client: PoolClient): void {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const guarded = async (...args: unknown[]): Promise<unknown> => {
      const [first] = args as [{ readonly text: string }];
      if (first.text === 'commit' && this.#isArmed) {
        this.#isArmed = false;
        this.isShut = true;
        await new Promise<void>((resolve) => {
          this.#release = resolve;
        });
      }
      return query(...args);
    };
    client.query = guarded as typeof client.query;
  }
}

describe.skipIf(server === undefined)('wake-ups on PostgreSQL', () => {
  const database = new PostgresDatabase(server ?? '');
  let pool: Pool;
  let gate: CommitGate;
  let store: DrizzleStateStore;

  beforeAll(async () => {
    await database.create();
    pool = new Pool({ connectionString: database.url, max: 4 });
    gate = new CommitGate(pool);
    store = new DrizzleStateStore(drizzle(pool));
    await store.migrate();
  });
  afterAll(async () => {
    gate.open();
    await store.close();
    await pool.end();
    await database.drop();
  });

  test('the owner does not take a wake of a run that it is suspending', async () => {
    await store.createRuns({ runs: [parent], claim: 'w1' });
    gate.arm();
    const suspending = store.commit([suspension]);
    await vi.waitUntil(() => gate.isShut);
    // The suspension has looked for messages, and is not durable yet.
    const body = { kind: 'cancel', reason: '-' } as const;
    await store.deliver([{ runId: 'parent', branch: null, key: 'cancel', body }]);
    expect(await store.claim(claim)).toMatchObject({ wakes: [], claimed: [] });
    gate.open();
    expect(await suspending).toMatchObject([{ outcome: 'committed' }]);
    expect((await store.doctor()).findings).toEqual([]);
    expect(await store.claim(claim)).toMatchObject({
      claimed: [{ run: { id: 'parent' }, arrivals: [{ type: 'inbox', body }] }],
    });
  });
});
