/**
 * Batches of turns that concern each other, against the in-memory store, which takes them one by one: a batch that is
 * written in sets must come to the same.
 */
import {
  type Arrival,
  type CommitResult,
  InMemoryStateStore,
  type NewRun,
  type RunRecord,
  type StateStore,
  type Turn,
} from '@dudousxd/nestjs-durable-core';
import { describe, expect, test } from 'vitest';
import { Random } from './support/random.js';
import { newEvent, newRun, newTurn, TestStore } from './support/test-store.js';

const RUNS = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'];
const TOKENS = ['t0', 't1'];
const KID_POSITION = 1_000_000;
const POLICIES = ['cancel', 'terminate', 'abandon'] as const;
const CLAIM = { worker: 'w1', namespace: 'default', serves: ['order@1'], limit: 10, resync: false };

/** A turn but for what it consumes, which each store names by its own ids. */
interface Draft {
  readonly turn: Turn;
  readonly run: RunRecord;
  readonly consume: readonly boolean[];
}

class World {
  readonly random: Random;
  readonly opened: TestStore;
  readonly model: InMemoryStateStore;
  #position = 0;

  constructor(random: Random, opened: TestStore) {
    this.random = random;
    this.opened = opened;
    this.model = new InMemoryStateStore({ clock: { now: () => opened.now } });
  }

  async both<T>(operate: (store: StateStore) => Promise<T>): Promise<T> {
    const expected = await operate(this.model);
    const actual = await operate(this.opened.store);
    expect(comparable(actual)).toEqual(comparable(expected));
    return expected;
  }

  async round(): Promise<void> {
    const { random } = this;
    this.opened.now += random.below(3);
    const fresh = random.some(2, () => newRun(random.pick(RUNS)));
    await this.both((store) => store.createRuns({ runs: fresh, claim: 'w1' }));
    const signals = random.some(2, () => ({
      ...{ namespace: 'default', token: random.pick(TOKENS), payload: '{}', ttlMs: 60_000 },
      id: `s${this.#next()}`,
    }));
    await this.both((store) => store.signal(signals));
  }

  #next(): number {
    this.#position += 1;
    return this.#position;
  }

  drafts(owned: readonly RunRecord[], lengths: ReadonlyMap<string, number>): readonly Draft[] {
    const seqs = new Map(lengths);
    return this.random.some(6, () => {
      const run = this.random.pick(owned);
      const last = seqs.get(run.id) ?? 0;
      const events = this.random.some(2, () => 0).map((_, i) => newEvent(last + 1 + i));
      seqs.set(run.id, last + events.length);
      const consume = [0, 1, 2].map(() => this.random.chance(0.4));
      return { run, consume, turn: newTurn(run, { events, ...this.#writes(run) }) };
    });
  }

  #writes(run: RunRecord): Partial<Turn> {
    const { random } = this;
    if (random.chance(0.3)) return {};
    const body = { kind: 'cancel', reason: `from ${run.id}` } as const;
    return {
      waits: random.some(2, () => ({
        token: random.pick(TOKENS),
        position: this.#next(),
        deadline: random.chance(0.3) ? this.opened.now + random.below(4) : null,
      })),
      withdrawals: random.chance(0.2)
        ? [
            {
              token: random.pick(TOKENS),
              position: random.below(this.#position + 1),
              deadline: null,
            },
          ]
        : [],
      messages: random.some(1, () => ({
        ...{ runId: random.pick(RUNS), branch: null, key: `k${random.below(3)}`, body },
      })),
      children: random.chance(0.4) ? [this.#child(run)] : [],
      change: this.#change(),
    };
  }

  #child(run: RunRecord): NewRun {
    const closePolicy = this.random.pick(POLICIES);
    // Half of them by an operation that starts the same child each time.
    const isKid = this.random.chance(0.5);
    const id = isKid ? `kid-of-${run.id.slice(-2)}` : this.random.pick(RUNS);
    const position = isKid ? KID_POSITION : this.#next();
    const parent = { runId: run.id, branch: run.branch, position, closePolicy };
    return newRun(id, { parent });
  }

  #change(): Turn['change'] {
    const { random } = this;
    const wakeAt = random.chance(0.5) ? this.opened.now + random.below(3) - 1 : null;
    const outcome = { status: 'completed', output: '1', error: null, reason: null } as const;
    return random.pick<Turn['change']>([
      null,
      null,
      { to: 'suspended', wakeAt, waitingFor: [] },
      { to: 'suspended', wakeAt, waitingFor: [] },
      { to: 'settled', outcome, hasChildren: random.chance(0.7) },
      { to: 'blocked', reason: 'r', error: 'e' },
    ]);
  }
}

/** Order says nothing between things that happen in one transaction; ids of messages are each store's own. */
function comparable(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(comparable);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      if (key === 'woken' || key === 'wakes') return [key, [...(item as string[])].sort()];
      if (key === 'arrivals') return [key, (item as Arrival[]).map(withoutInboxId).sort()];
      return [key, comparable(item)];
    }),
  );
}

function withoutInboxId(arrival: Arrival): string {
  return JSON.stringify(arrival.type === 'inbox' ? arrival.body : arrival);
}

async function stateOf(store: StateStore): Promise<unknown> {
  const { runs } = await store.listRuns({ namespace: 'default' }, 100, null);
  const arrivals = await store.receive(runs.map(({ id }) => id));
  const requests = runs.map(({ id: runId, branch }) => ({ runId, branch, after: 0 }));
  return {
    runs: [...runs].sort((a, b) => (a.id < b.id ? -1 : 1)),
    received: [...arrivals].map(([id, items]) => ({ id, arrivals: items })),
    histories: (await store.history(requests)).map((events) => events.length),
    signals: await Promise.all(TOKENS.map((token) => store.listSignals('default', token))),
  };
}

async function commitBatch(world: World, owned: readonly RunRecord[]): Promise<readonly string[]> {
  const requests = owned.map(({ id: runId, branch }) => ({ runId, branch, after: 0 }));
  const histories = await world.model.history(requests);
  const lengths = new Map(owned.map(({ id }, i) => [id, histories[i]?.length ?? 0]));
  const drafts = world.drafts(owned, lengths);
  const answers: readonly CommitResult[] = await world.both(async (store) => {
    const arrivals = await store.receive(owned.map(({ id }) => id));
    const turns = drafts.map(({ turn, run, consume }): Turn => {
      const inOrder = [...(arrivals.get(run.id) ?? [])].sort((a, b) =>
        withoutInboxId(a) < withoutInboxId(b) ? -1 : 1,
      );
      const chosen = inOrder.filter((_, i) => consume[i]);
      return {
        ...turn,
        consumedInbox: chosen.flatMap((item) => (item.type === 'inbox' ? [item.messageId] : [])),
        consumedSignals: chosen.flatMap((item) => (item.type === 'signal' ? [item] : [])),
      };
    });
    return store.commit(turns);
  });
  return answers.map(({ outcome }) => outcome);
}

async function play(seed: number): Promise<readonly string[]> {
  const opened = await TestStore.open();
  const world = new World(new Random(seed), opened);
  const outcomes: string[] = [];
  for (let round = 0; round < 8; round += 1) {
    await world.round();
    await world.both((store) => store.claim(CLAIM));
    const { runs } = await world.model.listRuns({ namespace: 'default' }, 100, null);
    const owned = runs.filter(({ worker }) => worker !== null);
    if (owned.length > 0) outcomes.push(...(await commitBatch(world, owned)));
    await world.both(stateOf);
  }
  await opened.store.close();
  return outcomes;
}

describe('batches of turns that concern each other', () => {
  test('come to the same as turn by turn in the in-memory store', { timeout: 60_000 }, async () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= 120; seed += 1) {
      for (const outcome of await play(seed)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    // The sequences have reached all answers, and often.
    for (const outcome of ['committed', 'fenced', 'conflict']) {
      expect(counts.get(outcome), outcome).toBeGreaterThan(50);
    }
  });
});
