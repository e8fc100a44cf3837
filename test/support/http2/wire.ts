import type { Socket } from 'node:net';
import { encodeHeaders } from '../../../src/transport/hpack/index.ts';
import {
  defaultHttp2Limits,
  Http2Connection,
  Http2Environment,
  type Http2Limits,
  type Http2Stream,
  type StreamReceiver,
} from '../../../src/transport/http2/index.ts';
import { describeFrame, parseFrames, PREFACE, settings, type Frame } from '../frames.ts';

type Listener = (argument?: unknown) => void;

/** A socket in memory. What is written is taken at once, unless `isStuck`. Callbacks run when the wire says so. */
export class FakeSocket {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 4711;
  destroyed = false;
  writableEnded = false;
  writableLength = 0;
  isPaused = false;
  /** The system takes nothing. */
  isStuck = false;
  /** The writes that reached the system: several pieces that were corked together are one. */
  readonly writes: Buffer[] = [];
  /** What `write` was called with. */
  readonly pieces: Uint8Array[] = [];
  readonly later: (() => void)[] = [];
  readonly #listeners = new Map<string, Listener[]>();
  #corked: Buffer[] | undefined;
  #corkedCallbacks: (() => void)[] = [];
  #stuck: { bytes: Buffer; sent: (() => void)[] }[] = [];

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  emit(event: string, argument?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(argument);
  }

  /** Bytes are copied, so that a block that is used again too early is noticed by what arrives, not by luck. */
  write(bytes: Uint8Array, sent?: () => void): boolean {
    this.writableLength += bytes.length;
    this.pieces.push(bytes);
    if (this.#corked !== undefined) {
      this.#corked.push(bytes as Buffer);
      if (sent !== undefined) this.#corkedCallbacks.push(sent);
    } else this.#take(bytes as Buffer, sent === undefined ? [] : [sent]);
    return true;
  }

  cork(): void {
    this.#corked = [];
    this.#corkedCallbacks = [];
  }

  uncork(): void {
    const pieces = this.#corked ?? [];
    this.#corked = undefined;
    if (!this.isStuck) this.#take(Buffer.concat(pieces), this.#corkedCallbacks);
    else {
      // Stuck pieces stay references, as in a real socket.
      const last = pieces.pop();
      for (const piece of pieces) this.#take(piece, []);
      if (last !== undefined) this.#take(last, this.#corkedCallbacks);
    }
  }

  #take(bytes: Buffer, sent: (() => void)[]): void {
    if (this.isStuck || this.#stuck.length > 0) {
      this.#stuck.push({ bytes, sent });
      return;
    }
    this.writableLength -= bytes.length;
    this.writes.push(Buffer.from(bytes));
    this.later.push(...sent);
  }

  /** The system takes everything again. */
  unstick(): void {
    this.isStuck = false;
    const stuck = this.#stuck;
    this.#stuck = [];
    for (const { bytes, sent } of stuck) this.#take(bytes, sent);
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.later.push(() => this.emit('close'));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

/** What a test wants to know of a request. */
export class Served implements StreamReceiver {
  readonly stream: Http2Stream;
  body = '';
  isComplete: boolean;
  trailerFields: readonly string[] | undefined;
  cancelCode: number | undefined;
  drains = 0;
  /** Whether what comes is reported as consumed at once. */
  readonly #consumes: boolean;

  constructor(stream: Http2Stream, consumes: boolean) {
    this.stream = stream;
    this.isComplete = stream.endedByPeer;
    this.#consumes = consumes;
  }

  data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    this.body += chunk.toString('latin1', start, end);
    if (this.#consumes) this.stream.consumed(end - start);
    this.isComplete = isLast;
    if (isLast) this.onComplete?.(this);
  }

  trailers(fields: readonly string[]): void {
    this.trailerFields = fields;
    this.isComplete = true;
    this.onComplete?.(this);
  }

  cancelled(code: number): void {
    if (this.cancelCode !== undefined) throw new Error('cancelled twice');
    this.cancelCode = code;
  }

  drained(): void {
    this.drains++;
    this.onDrained?.();
  }

  onDrained: (() => void) | undefined;
  onComplete: ((served: Served) => void) | undefined;
}

/** For `prepare`: a socket as `node:tls` has them, which takes nothing before the next turn. */
export function encrypt(socket: FakeSocket): void {
  Object.assign(socket, { encrypted: true });
}

export interface WireOptions {
  limits?: Partial<Http2Limits>;
  /** Runs for each request when its headers are there. By default nothing happens until the test does something. */
  onRequest?: (served: Served) => void;
  /** Runs for each request when it is complete. */
  onComplete?: (served: Served) => void;
  consumes?: boolean;
  /** Without it, preface and an empty SETTINGS frame have been exchanged. */
  isFresh?: boolean;
  /** What was read from the socket before the connection got it. */
  first?: Buffer;
  /** Happens to the socket before there is a connection. */
  prepare?: (socket: FakeSocket) => void;
}

/** One connection in memory, whose time and turns are the test's. */
export class Wire {
  readonly socket = new FakeSocket();
  readonly connection: Http2Connection;
  readonly environment: Http2Environment;
  readonly served: Served[] = [];
  readonly faults: unknown[] = [];
  readonly violations: string[] = [];
  nowMs = 0;
  #soon: (() => void)[] = [];
  #ticks: (() => void)[] = [];
  #read = 0;

  constructor(options: WireOptions = {}) {
    this.environment = new Http2Environment({
      handler: {
        request: (stream) => {
          const served = new Served(stream, options.consumes ?? true);
          served.onComplete = options.onComplete;
          stream.receiver = served;
          this.served.push(served);
          options.onRequest?.(served);
          if (stream.endedByPeer) options.onComplete?.(served);
        },
      },
      limits: { ...defaultHttp2Limits, ...options.limits },
      clock: { nowMs: () => this.nowMs },
      scheduler: {
        soon: (run) => this.#soon.push(run),
        after: (_delayMs, run) => {
          this.#ticks = [run];
          return () => (this.#ticks = []);
        },
      },
      onFault: (error) => this.faults.push(error),
      onViolation: (_code, message) => this.violations.push(message),
    });
    options.prepare?.(this.socket);
    this.connection = new Http2Connection(this.socket as unknown as Socket, this.environment);
    this.connection.start(options.first);
    if (options.isFresh) return;
    this.send(PREFACE, settings());
    this.frames();
  }

  /** The client sends. */
  send(...bytes: Buffer[]): void {
    this.socket.emit('data', Buffer.concat(bytes));
    this.settle();
  }

  /** Runs the rest of the turn, and as many more as are asked for by what runs. */
  settle(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      const later = this.socket.later.splice(0);
      const soon = this.#soon;
      this.#soon = [];
      if (later.length + soon.length === 0) return;
      for (const run of later) run();
      for (const run of soon) run();
    }
    throw new Error('The connection never comes to rest');
  }

  /** Time passes. */
  seconds(count: number): void {
    for (let second = 0; second < count; second++) {
      this.nowMs += 1000;
      for (const run of this.#ticks.splice(0)) run();
      this.settle();
    }
  }

  get isTicking(): boolean {
    return this.#ticks.length > 0;
  }

  /** Frames that the server has sent since the last call. */
  frames(): Frame[] {
    return parseFrames(this.bytes());
  }

  bytes(): Buffer {
    const writes = this.socket.writes.slice(this.#read);
    this.#read = this.socket.writes.length;
    return Buffer.concat(writes);
  }

  /** The same in words. */
  said(): string[] {
    return this.frames().map(describeFrame);
  }
}

export const okHead = encodeHeaders([[':status', '200']]);
export const okTrailers = encodeHeaders([['grpc-status', '0']]);
export const none = Buffer.alloc(0);

/** Answers each request with its own body. */
export function echo({ stream, body }: Served): void {
  stream.respond(okHead, none, Buffer.from(body, 'latin1'), undefined);
}

/**
 * What the server says to the same bytes, in one chunk, byte by byte, and cut in two at each place. All must be the same;
 * returns it.
 */
export function exchange(bytes: Buffer, options: WireOptions = {}): string[] {
  const cuts: number[][] = [[], Array.from({ length: bytes.length - 1 }, (_, at) => at + 1)];
  for (let at = 1; at < bytes.length; at++) cuts.push([at]);
  let expected: string[] | undefined;
  for (const cut of cuts) {
    const wire = new Wire({ onComplete: echo, ...options });
    let from = 0;
    for (const to of [...cut, bytes.length]) {
      wire.send(Buffer.from(bytes.subarray(from, to)));
      from = to;
    }
    const said = wire.said();
    if (wire.faults.length > 0) throw new Error('The connection has a bug', { cause: wire.faults[0] });
    expected ??= said;
    if (said.join() !== expected.join()) {
      throw new Error(`Cut at ${cut.join()}, the server says ${said.join()}, but else ${expected.join()}`);
    }
  }
  return expected ?? [];
}
