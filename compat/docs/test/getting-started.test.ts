import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { tsc } from '../src/compiler.js';
import { ROOT, readPage } from '../src/page.js';
import { writeProject } from '../src/project.js';

const PROJECTS = join(ROOT, 'compat/docs/dist/getting-started');
const page = readPage('docs/getting-started.md');

/** The walkthrough's application, in a process of its own. */
class App {
  output = '';
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString();
      });
    }
  }

  /** Starts it in its folder, on a free port. */
  static start(folder: string): App {
    const env = { ...process.env, PORT: '0', NO_COLOR: '1' };
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const args = ['--import', PRINT_PORT, 'dist/main.js'];
    const app = new App(spawn(process.execPath, args, { cwd: folder, env, stdio: [...stdio] }));
    running.push(app);
    return app;
  }

  /** The URL it listens on, once it does. */
  async url(): Promise<string> {
    const port = await until(() => /listening on (\d+)/.exec(this.output)?.[1]);
    return `http://127.0.0.1:${port}`;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** Tells the port that the page's `main.ts` keeps to itself. */
const PRINT_PORT = `data:text/javascript,${encodeURIComponent(`
  import { Server } from 'node:net';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    this.once('listening', () => console.log('listening on ' + this.address().port));
    return listen.apply(this, args);
  };
`)}`;

const running: App[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.kill('SIGKILL')));
});

/** Looks until there is an answer. */
async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function json(url: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url, init);
  expect(response.ok).toBe(true);
  return response.json();
}

interface OrderView {
  readonly status: string;
}

/** The order, when it has come to a status. */
function order(url: string, status: string): Promise<OrderView> {
  return until(async () => {
    const view = (await json(`${url}/orders/o-1`)) as OrderView;
    return view.status === status ? view : undefined;
  });
}

it('the walkthrough goes from an empty folder to a run that survives kill -9', async () => {
  const folder = writeProject(page, PROJECTS);
  expect(await tsc('-p', folder)).toBe('');

  const first = App.start(folder);
  const before = await first.url();
  const started = await json(`${before}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"id":"o-1","total":25}',
  });
  expect(started).toEqual({ runId: 'order-o-1', status: 'pending', created: true });
  expect(await order(before, 'suspended')).toMatchObject({
    waitingFor: [{ kind: 'signal', name: 'approve:o-1', position: 2 }],
  });
  expect(first.output).toContain('reserving stock for o-1');
  await first.kill('SIGKILL');

  const second = App.start(folder);
  const after = await second.url();
  await json(`${after}/orders/o-1/approve`, { method: 'POST' });
  expect(await order(after, 'completed')).toEqual({
    status: 'completed',
    waitingFor: [],
    output: { status: 'shipped', chargeId: 'charge-of-o-1' },
  });
  expect(second.output).not.toContain('reserving stock');
  expect(second.output).toContain('charging 2500 for o-1, key default:order-o-1:0:3\n');
  expect(second.output).toContain('shipping o-1\n');
  await second.kill('SIGTERM');
});

it('what it tells to install is what this test has', () => {
  const text = page.fences
    .filter(({ language }) => language === 'sh')
    .flatMap(({ lines }) => lines);
  const named = text
    .filter((line) => line.startsWith('npm install'))
    .flatMap((line) => line.split(' ').slice(2))
    .filter((word) => !word.startsWith('--'));
  const installed = named.filter((name) => name !== 'typescript');
  expect(installed.length).toBeGreaterThan(10);
  for (const name of installed) {
    expect(MANIFEST, name).toHaveProperty([dependencyKind(name), name]);
  }
});

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const { default: MANIFEST } = (await import('../package.json', { with: { type: 'json' } })) as {
  default: Manifest;
};

function dependencyKind(name: string): keyof Manifest {
  return name.startsWith('@types/') ? 'devDependencies' : 'dependencies';
}
