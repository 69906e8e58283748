/** A TCP proxy between one application and its database, and what can go wrong on the way. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../program/random.js';

/** What is held back: data from the application, data to it, or both. Nothing is lost, as TCP would have it. */
export type Hole = 'toServer' | 'toClient' | 'both';

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  readonly random: Random;
  /** A request that contains this has a reply that may be cut off. */
  readonly cutAfter: RegExp;
  /** The share of those replies that is. */
  readonly cutRate: number;
  readonly onCut: () => void;
}

export class TcpProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #cutRate: number;
  #hole: Hole | undefined;
  #latencyMs = 0;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#cutRate = options.cutRate;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  static async listen(options: ProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', () => resolve());
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** Lets no data through in a direction until `heal`; then it goes on, late. */
  openHole(hole: Hole): void {
    this.#hole = hole;
  }

  /** Delays all data, both ways. */
  delay(ms: number): void {
    this.#latencyMs = ms;
  }

  /** Everything passes again, replies of commits included. */
  heal(): void {
    this.#hole = undefined;
    this.#latencyMs = 0;
    for (const link of this.#links) link.flush();
  }

  /** No reply is cut off any more. */
  stopCutting(): void {
    this.#cutRate = 0;
  }

  /** Ends every connection with an RST on both sides. Answers how many. */
  reset(): number {
    const { size } = this.#links;
    for (const link of this.#links) link.reset();
    return size;
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const { target, cutAfter, random, onCut } = this.#options;
    const link = new Link(client, connect({ ...target, noDelay: true }), {
      isHeld: (way) => this.#hole === 'both' || this.#hole === way,
      latencyMs: () => this.#latencyMs,
      isCut: (request) => cutAfter.test(request.toString('latin1')) && random.chance(this.#cutRate),
      onCut,
      onEnd: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }
}

type Way = 'toServer' | 'toClient';

interface Conditions {
  isHeld(way: Way): boolean;
  latencyMs(): number;
  isCut(request: Buffer): boolean;
  onCut(): void;
  onEnd(): void;
}

/** A connection of the application, and its other half. */
class Link {
  readonly #ends: Readonly<Record<Way, Socket>>;
  readonly #waiting: Record<Way, Buffer[]> = { toServer: [], toClient: [] };
  readonly #conditions: Conditions;
  /** The next reply is cut off. */
  #isCut = false;

  constructor(client: Socket, server: Socket, conditions: Conditions) {
    this.#conditions = conditions;
    this.#ends = { toServer: server, toClient: client };
    client.on('data', (data) => this.#pass('toServer', data));
    server.on('data', (data) => this.#pass('toClient', data));
    for (const socket of [client, server]) {
      // What matters of an error is that the connection has ended.
      socket.on('error', () => this.reset()).on('close', () => this.reset());
    }
  }

  reset(): void {
    for (const socket of Object.values(this.#ends)) socket.resetAndDestroy();
    this.#conditions.onEnd();
  }

  /** Sends what was held back and may go now. */
  flush(): void {
    for (const way of ['toServer', 'toClient'] as const) {
      if (this.#conditions.isHeld(way)) continue;
      for (const data of this.#waiting[way].splice(0)) this.#send(way, data);
    }
  }

  #pass(way: Way, data: Buffer): void {
    if (way === 'toClient' && this.#isCut) {
      this.#conditions.onCut();
      this.reset();
      return;
    }
    if (way === 'toServer') this.#isCut ||= this.#conditions.isCut(data);
    const latencyMs = this.#conditions.latencyMs();
    const isHeld = this.#conditions.isHeld(way);
    if (!isHeld && latencyMs === 0 && this.#waiting[way].length === 0) {
      this.#send(way, data);
      return;
    }
    // In order, also behind what is held back.
    this.#waiting[way].push(data);
    if (!isHeld) setTimeout(() => this.flush(), latencyMs);
  }

  #send(way: Way, data: Buffer): void {
    const socket = this.#ends[way];
    if (!socket.destroyed) socket.write(data);
  }
}
