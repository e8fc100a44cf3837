import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodeRequest } from '../etcd/protocol.ts';
import { PREFACE, settings, windowUpdate, type Fields } from './frames.ts';
import { MeasuredServer, type ServerTls } from './measured-server.ts';
import { processCpuMicros, residentBytes } from './process-figures.ts';
import { RawClient } from './raw/raw-client.ts';

const MIB = 2 ** 20;
const SAMPLE_MS = 20;
/** What does not come about in this time does not come about, however busy the machine is. */
const PATIENCE_MS = 60_000;

/** What another client and the server's memory went through during an attack. */
export interface Endured {
  /** Calls of the bystander that were answered with OK, and those that were not. */
  readonly served: number;
  readonly failed: number;
  /** The longest that one took. On a busy machine that says little about the server. */
  readonly slowestMs: number;
  /** The most that the server computed while one waited, or the time that it waited if that was shorter. */
  readonly busiestMs: number;
  /** The most that the server had resident, more than before the first attack. */
  readonly grownMiB: number;
}

/** The built server in a process of its own, a bystander on a connection of its own, and attackers. */
export class Siege {
  readonly server: MeasuredServer;
  readonly #bystander: RawClient;
  readonly #attackers = new Set<Attacker>();
  readonly #tls: ServerTls | undefined;
  #residentBefore = 0;

  private constructor(server: MeasuredServer, bystander: RawClient, tls: ServerTls | undefined) {
    this.server = server;
    this.#bystander = bystander;
    this.#tls = tls;
  }

  /** With `tls` the server speaks mutual TLS, the bystander too, and attackers as far as a test says. */
  static async start(tls?: ServerTls): Promise<Siege> {
    // Small generations, so that what is resident is what is used.
    const node = ['--max-semi-space-size=4'];
    const server = await MeasuredServer.engram({ node, ...(tls === undefined ? {} : { tls }) });
    await server.start();
    const { target } = server;
    const options = tls === undefined ? { target } : { target, tls: tls.client };
    const siege = new Siege(server, await RawClient.to(options), tls);
    await siege.endure(() => new Promise((resolve) => setTimeout(resolve, 1000)));
    siege.#residentBefore = residentBytes(server.pid).resident;
    return siege;
  }

  /** A connection of an attacker. `window` is what the server may send on each of its streams. */
  async dial(window = 2 ** 31 - 1): Promise<Attacker> {
    const attacker = await this.dialReady(['h2']);
    attacker.socket.write(Buffer.concat([PREFACE, settings([4, window]), windowUpdate(0, 2 ** 30)]));
    return attacker;
  }

  /** One on which the protocol can begin: with TLS, after the handshake. */
  async dialReady(protocols: readonly string[]): Promise<Attacker> {
    if (this.#tls === undefined) return await this.dialBare();
    const [host, port] = this.server.target.split(':');
    const client = { ...this.#tls.client, ALPNProtocols: [...protocols] };
    const socket = connectTls({ host, port: Number(port), ...client });
    await once(socket, 'secureConnect');
    return this.#added(socket);
  }

  /** One that has said nothing yet. */
  async dialBare(): Promise<Attacker> {
    const [host, port] = this.server.target.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    return this.#added(socket);
  }

  #added(socket: Socket): Attacker {
    const attacker = new Attacker(socket);
    this.#attackers.add(attacker);
    socket.on('close', () => this.#attackers.delete(attacker));
    return attacker;
  }

  /**
   * Sends what `next` gives again and again, on a new connection when the server closes one, until it has closed so many,
   * and for that time at least. Connections it closed.
   */
  async flood({ forMs, lanes, closedMin = 0 }: Flood, next: (turn: number) => Buffer): Promise<number> {
    let closed = 0;
    const isOver = atLeast(forMs, () => closed >= closedMin);
    const lane = async (): Promise<void> => {
      while (!isOver()) {
        const attacker = await this.dial();
        for (let turn = 0; !isOver() && !attacker.isClosed; turn++) await attacker.send(next(turn));
        if (attacker.isClosed) closed++;
        attacker.socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return closed;
  }

  /** The bystander puts and reads one by one while `attack` runs. */
  async endure(attack: () => Promise<unknown>): Promise<Endured> {
    let most = 0;
    const sampler = setInterval(() => {
      most = Math.max(most, residentBytes(this.server.pid).resident);
    }, SAMPLE_MS);
    let isOver = false;
    const calls = this.#calls(() => isOver);
    try {
      await attack();
    } finally {
      isOver = true;
      clearInterval(sampler);
    }
    most = Math.max(most, residentBytes(this.server.pid).resident);
    return { ...(await calls), grownMiB: (most - this.#residentBefore) / MIB };
  }

  async #calls(isOver: () => boolean): Promise<Omit<Endured, 'grownMiB'>> {
    let [served, failed, slowestMs, busiestMs] = [0, 0, 0, 0];
    while (!isOver()) {
      const [startMs, startMicros] = [performance.now(), processCpuMicros(this.server.pid)];
      const key = Buffer.from(`bystander/${served % 10}`);
      const put = await this.ask('KV/Put', { key, value: Buffer.from(String(served)) });
      const got = await this.ask('KV/Range', { key });
      if (put === 0 && got === 0) served++;
      else failed++;
      const waitedMs = performance.now() - startMs;
      const computedMs = (processCpuMicros(this.server.pid) - startMicros) / 1000;
      slowestMs = Math.max(slowestMs, waitedMs);
      busiestMs = Math.max(busiestMs, Math.min(waitedMs, computedMs));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return { served, failed, slowestMs, busiestMs };
  }

  /** A call of the bystander; its gRPC status. */
  async ask(method: string, message: Parameters<typeof encodeRequest>[1]): Promise<number> {
    const path = `/etcdserverpb.${method}`;
    return (await this.#bystander.ask(path, encodeRequest(path, message))).status;
  }

  /** Ends what attacks are still under way. */
  relieve(): void {
    for (const attacker of this.#attackers) attacker.socket.destroy();
  }

  async end(): Promise<void> {
    this.relieve();
    this.#bystander.close();
    await this.server.remove();
  }
}

export interface Flood {
  readonly forMs: number;
  /** Connections at a time. */
  readonly lanes: number;
  /** @default 0 */
  readonly closedMin?: number;
}

/** True once the time is over and there is enough, or so late that there will never be. */
export function atLeast(forMs: number, isEnough: () => boolean): () => boolean {
  const startMs = performance.now();
  return () => {
    const passedMs = performance.now() - startMs;
    return passedMs >= forMs && (isEnough() || passedMs >= PATIENCE_MS);
  };
}

/** A connection that sends whatever it is told and does not care for answers. */
export class Attacker {
  readonly socket: Socket;
  /** What has come, unless the socket is paused. */
  receivedBytes = 0;
  received: Buffer[] = [];
  isKeeping = false;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
      if (this.isKeeping) this.received.push(bytes);
    });
  }

  /** Resolves when the system has taken it, or the connection is gone, or after a while in which nothing moves. */
  async send(bytes: Buffer): Promise<void> {
    if (this.isClosed) return;
    if (this.socket.write(bytes)) {
      // Others get their turn too.
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.socket.off('drain', done).off('close', done);
        resolve();
      };
      const timer = setTimeout(done, 500);
      this.socket.on('drain', done).on('close', done);
    });
  }
}

/** The headers of a call. */
export function callHeaders(method: string, more: Fields = []): Fields {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/etcdserverpb.${method}`],
    [':authority', 'test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ];
}

/** A message with gRPC's prefix. */
export function message(bytes: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.of(isCompressed ? 1 : 0, 0, 0, 0, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
