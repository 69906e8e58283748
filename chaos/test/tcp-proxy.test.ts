import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TcpProxy } from '../src/driver/tcp-proxy.js';
import { Random } from '../src/program/random.js';

/** Answers each request with itself, in capitals. */
let server: Server;
let proxy: TcpProxy;
let client: Socket;
/** What the server and the client have got. */
let asked: string;
let answered: string;
let cuts: number;

beforeEach(async () => {
  asked = '';
  answered = '';
  cuts = 0;
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked += String(data);
      socket.write(String(data).toUpperCase());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  proxy = await TcpProxy.listen({
    target: { host: '127.0.0.1', port: address.port },
    random: new Random(1),
    ...{ cutAfter: /commit/, cutRate: 1 },
    onCut: () => {
      cuts += 1;
    },
  });
  client = connect(proxy.port, '127.0.0.1');
  client.on('data', (data) => {
    answered += String(data);
  });
  client.on('error', () => {});
  await new Promise((resolve) => client.once('connect', resolve));
});
afterEach(async () => {
  client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

const ended = () => vi.waitUntil(() => client.destroyed);

test('lets everything pass', async () => {
  client.write('one');
  await vi.waitUntil(() => answered === 'ONE');
});

test('cuts the reply of a commit off, which the server has got', async () => {
  client.write('commit');
  await ended();
  expect({ asked, answered, cuts }).toEqual({ asked: 'commit', answered: '', cuts: 1 });
});

test('does so no more when it is told', async () => {
  proxy.stopCutting();
  client.write('commit');
  await vi.waitUntil(() => answered === 'COMMIT');
});

test('ends connections on both sides', async () => {
  client.write('one');
  await vi.waitUntil(() => answered === 'ONE');
  expect(proxy.reset()).toBe(1);
  await ended();
});

test.each([
  ['toServer', '', ''],
  ['toClient', 'one', ''],
  ['both', '', ''],
] as const)(
  'a hole %s holds back, and lets go of it late and in order',
  async (hole, got, seen) => {
    proxy.openHole(hole);
    client.write('one');
    // Nothing may happen: what comes over a connection beside it has passed in the meantime.
    await vi.waitUntil(() => asked === got);
    expect(answered).toBe(seen);
    proxy.heal();
    client.write('two');
    await vi.waitUntil(() => answered === 'ONETWO');
    expect(asked).toBe('onetwo');
  },
);

test('delays', async () => {
  proxy.delay(30);
  const startedAt = performance.now();
  client.write('one');
  await vi.waitUntil(() => answered === 'ONE');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(59);
});
