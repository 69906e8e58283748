/**
 * The store without an engine, against the driver below it: 64 runs in lockstep, each batch one commit. Every run is
 * created (owned by its creator), takes `STEPS` turns of one history row, and a last turn that settles it. The raw loop
 * executes the statements that the store sends for them, on an identical database, in the same process, in turn with
 * the store. WAL, synchronous = FULL.
 *
 *     node benchmarks/store-only.mjs [rounds]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrizzleStateStore } from '@dudousxd/nestjs-durable-store-drizzle';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';

const IN_FLIGHT = 64;
const STEPS = 5;
const ROUNDS = Number(process.argv[2] ?? 40);
const BATCHES_PER_ROUND = 5;
const WORKER = '01990000-0000-7000-8000-00000000000a';
const folder = mkdtempSync(join(tmpdir(), 'durable-bench-'));

let count = 0;
/** Ids in the order of time, as UUIDv7 has them. */
function nextId() {
  count += 1;
  const random = Math.floor(Math.random() * 2 ** 44)
    .toString(16)
    .padStart(11, '0');
  const serial = count.toString(16).padStart(12, '0');
  return `${serial.slice(0, 8)}-${serial.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6)}0000000`;
}

function newRun(id) {
  return {
    id,
    namespace: 'default',
    workflow: 'order',
    version: '1',
    input: '{"orderId":42}',
    inputDigest: 'd3b07384d113edec49eaa6238ad5ff00',
    seed: id,
    parent: null,
    tags: [],
    priority: 0,
    startAt: null,
    timeoutMs: null,
  };
}

const NOTHING = [];
function turn(runId, events, change) {
  return {
    runId,
    namespace: 'default',
    branch: 0,
    worker: WORKER,
    epoch: 1,
    events,
    consumedInbox: NOTHING,
    consumedSignals: NOTHING,
    waits: NOTHING,
    withdrawals: NOTHING,
    tasks: NOTHING,
    endedTasks: NOTHING,
    children: NOTHING,
    messages: NOTHING,
    change,
  };
}

function event(seq, now) {
  return {
    seq,
    type: 'completed',
    kind: 'step',
    position: seq,
    name: 'charge-card',
    digest: null,
    cause: seq - 1,
    attempt: 1,
    payload: '{"ok":true}',
    at: now,
    startedAt: now,
    worker: WORKER,
    site: null,
    group: null,
    detail: null,
  };
}

const settled = {
  to: 'settled',
  outcome: { status: 'completed', output: '{"ok":true}', error: null, reason: null },
  hasChildren: false,
};

/** Records, of the store's own handle, every statement text with its parameters. */
function recording(sink) {
  return class RecordingDatabase extends Database {
    prepare(sql) {
      const statement = super.prepare(sql);
      return new Proxy(statement, {
        get(target, method) {
          if (method === 'safeIntegers') return undefined;
          if (method !== 'run' && method !== 'get' && method !== 'all') return target[method];
          return (params) => {
            sink.push({ sql, method, params });
            return target[method](params);
          };
        },
      });
    }
  };
}

/** The statements of one create, one plain turn and one settling turn, as the store sends them for a batch of one. */
async function recordStatements() {
  const sink = [];
  const Driver = recording(sink);
  const client = new Driver(join(folder, 'record.db'));
  const store = new DrizzleStateStore(drizzle(client));
  await store.migrate();
  const take = async (work) => {
    sink.length = 0;
    await work();
    return sink.filter(({ sql }) => !/^(begin|commit)/.test(sql)).map((call) => ({ ...call }));
  };
  const now = Date.now();
  const statements = {
    create: await take(() => store.createRuns({ runs: [newRun('RUN')], claim: WORKER })),
    plain: await take(() => store.commit([turn('RUN', [event(1, now)], null)])),
    settle: await take(() => store.commit([turn('RUN', [], settled)])),
  };
  await store.close();
  client.close();
  return statements;
}

function newMeter() {
  return { turns: 0, ms: 0, cpuMs: 0 };
}

async function timed(meter, turns, work) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  meter.ms += performance.now() - start;
  const used = process.cpuUsage(cpu);
  meter.cpuMs += (used.user + used.system) / 1000;
  meter.turns += turns;
}

async function openStore() {
  const client = new Database(join(folder, 'store.db'));
  const store = new DrizzleStateStore(drizzle(client));
  await store.migrate();
  const meters = { create: newMeter(), plain: newMeter(), settle: newMeter() };
  const expectAll = (results) => {
    if (results.some(({ outcome }) => outcome !== 'committed')) throw new Error('a turn was lost');
  };
  return {
    meters,
    async batch() {
      const ids = Array.from({ length: IN_FLIGHT }, nextId);
      await timed(meters.create, IN_FLIGHT, () =>
        store.createRuns({ runs: ids.map(newRun), claim: WORKER }),
      );
      for (let seq = 1; seq <= STEPS; seq += 1) {
        const now = Date.now();
        await timed(meters.plain, IN_FLIGHT, async () =>
          expectAll(await store.commit(ids.map((id) => turn(id, [event(seq, now)], null)))),
        );
      }
      await timed(meters.settle, IN_FLIGHT, async () =>
        expectAll(await store.commit(ids.map((id) => turn(id, [], settled)))),
      );
    },
    async close() {
      await store.close();
      client.close();
    },
  };
}

async function openRaw(statements) {
  const file = join(folder, 'raw.db');
  const client = new Database(file);
  const store = new DrizzleStateStore(drizzle(client));
  await store.migrate();
  await store.close();
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  const begin = client.prepare('begin immediate');
  const commit = client.prepare('commit');
  const prepared = Object.fromEntries(
    Object.entries(statements).map(([name, calls]) => [
      name,
      calls.map(({ sql, method, params }) => ({ statement: client.prepare(sql), method, params })),
    ]),
  );
  const meters = { create: newMeter(), plain: newMeter(), settle: newMeter() };
  const send = (calls, ids, seq) => {
    begin.run();
    for (const { statement, method, params } of calls) {
      for (const id of ids) {
        const row = params.map((value, i) => {
          if (value === 'RUN') return id;
          return sequenced(statement, i) ? seq : value;
        });
        statement[method](row);
      }
    }
    commit.run();
  };
  const sequenced = (statement, i) =>
    i === 2 && statement.source.startsWith('insert into durable_history');
  return {
    meters,
    async batch() {
      const ids = Array.from({ length: IN_FLIGHT }, nextId);
      await timed(meters.create, IN_FLIGHT, () => send(prepared.create, ids, 0));
      for (let seq = 1; seq <= STEPS; seq += 1) {
        await timed(meters.plain, IN_FLIGHT, () => send(prepared.plain, ids, seq));
      }
      await timed(meters.settle, IN_FLIGHT, () => send(prepared.settle, ids, 0));
    },
    async close() {
      client.close();
    },
  };
}

function line(name, store, raw) {
  const perSecond = ({ turns, ms }) => Math.round((turns / ms) * 1000);
  const cpu = ({ turns, cpuMs }) => ((cpuMs * 1000) / turns).toFixed(1);
  return {
    what: name,
    'store /s': perSecond(store),
    'raw /s': perSecond(raw),
    'of raw': (perSecond(store) / perSecond(raw)).toFixed(2),
    'store cpu µs': cpu(store),
    'raw cpu µs': cpu(raw),
    'ms per commit': (store.ms / (store.turns / IN_FLIGHT)).toFixed(2),
  };
}

function total(meters) {
  const sum = newMeter();
  for (const { turns, ms, cpuMs } of Object.values(meters)) {
    sum.turns += turns;
    sum.ms += ms;
    sum.cpuMs += cpuMs;
  }
  return sum;
}

try {
  const statements = await recordStatements();
  const contenders = [await openStore(), await openRaw(statements)];
  for (const contender of contenders) await contender.batch();
  for (const { meters } of contenders) {
    for (const meter of Object.values(meters)) Object.assign(meter, newMeter());
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of contenders) {
      for (let i = 0; i < BATCHES_PER_ROUND; i += 1) await contender.batch();
    }
  }
  const [store, raw] = contenders.map(({ meters }) => meters);
  console.log(
    `${IN_FLIGHT} in flight, ${STEPS} steps; statements per create ${statements.create.length}, ` +
      `plain turn ${statements.plain.length}, settling turn ${statements.settle.length}`,
  );
  console.table([
    line('create', store.create, raw.create),
    line('plain turn', store.plain, raw.plain),
    line('settling turn', store.settle, raw.settle),
    line('closed loop', total(store), total(raw)),
  ]);
  for (const contender of contenders) await contender.close();
} finally {
  rmSync(folder, { recursive: true });
}
