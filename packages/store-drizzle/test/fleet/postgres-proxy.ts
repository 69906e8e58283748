import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a connection does with what it is given. */
interface Line {
  readonly client: Socket;
  readonly upstream: Socket;
  /** First bytes of the client: they hold the name of its application. */
  startup: string;
  isSilent: boolean;
}

export interface ProxyOptions {
  /** Tells clients a process id that is not the server's, as poolers do. */
  readonly ownKeys?: boolean;
}

/** Stands between a process and PostgreSQL, and can fall silent without closing anything. */
export class PostgresProxy {
  readonly #target: URL;
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #swallowsAll = false;

  private constructor(target: URL, options: ProxyOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async open(url: string, options: ProxyOptions = {}): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(new URL(url), options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    url.hostname = '127.0.0.1';
    return url.href;
  }

  /** Swallows everything on the present connections of the application with this name. Returns how many there are. */
  silence(application: string): number {
    const lines = [...this.#lines].filter(
      ({ startup, isSilent }) => !isSilent && startup.includes(application),
    );
    for (const line of lines) line.isSilent = true;
    return lines.length;
  }

  /** Swallows everything, on new connections too, until it is told otherwise; what was silent stays so. */
  swallowAll(on: boolean): void {
    this.#swallowsAll = on;
    if (on) for (const line of this.#lines) line.isSilent = true;
  }

  async close(): Promise<void> {
    for (const { client, upstream } of this.#lines) {
      client.destroy();
      upstream.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    const line: Line = { client, upstream, startup: '', isSilent: this.#swallowsAll };
    this.#lines.add(line);
    client.on('data', (bytes) => {
      if (line.startup === '') line.startup = bytes.toString('latin1');
      if (!line.isSilent) upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!line.isSilent) client.write(this.#options.ownKeys ? withOwnKey(bytes) : bytes);
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        if (!line.isSilent) to.end();
      });
    }
  }
}

/** BackendKeyData, length 12: the process id follows. */
const KEY_DATA = Buffer.from([0x4b, 0, 0, 0, 12]);

function withOwnKey(bytes: Buffer): Buffer {
  const at = bytes.indexOf(KEY_DATA);
  if (at < 0) return bytes;
  const changed = Buffer.from(bytes);
  changed.writeInt32BE(1, at + KEY_DATA.length);
  return changed;
}
