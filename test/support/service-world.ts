/** The services of one node without a transport: calls as messages, streams that a test feeds and reads. */
import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import {
  etcdServices,
  ForwardedCalls,
  Headers,
  HealthService,
  StreamEnds,
  type ServerContext,
} from '../../src/server/index.ts';
import type { Store } from '../../src/store/index.ts';
import type { BidiStream, GrpcStatus, Message as Sent, Method } from '../../src/transport/index.ts';
import { WatchHub } from '../../src/watch/index.ts';
import { codecOf, serviceDefinition } from '../../src/wire/index.ts';
import { StoreWorld } from '../property/store-world.ts';
import type { Message } from './client.ts';
import { FakeNode } from './fake-node.ts';

export class ServiceWorld {
  readonly world: StoreWorld;
  readonly node = new FakeNode();
  readonly context: ServerContext & { store: Store; hub: WatchHub };
  readonly #methods: ReadonlyMap<string, Method>;

  private constructor(world: StoreWorld) {
    this.world = world;
    const { store, time } = world;
    const headers = new Headers(store.clusterId, this.node.memberId, store);
    const hub = new WatchHub({
      ...{ clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger },
      progressIntervalMs: 600_000,
      source: {
        ...{ index: store.index, arena: store.arena, history: store.history },
        revision: () => store.revision,
        compacted: () => store.compacted,
        header: (revision) => headers.at(revision),
      },
    });
    store.onCommit((revision) => hub.committed(revision));
    this.context = {
      ...{ store, headers, hub, node: this.node, logger: silentLogger },
      ...{ stop: new StreamEnds(), leaderLost: new StreamEnds() },
      ...{ requestBytesMax: 2 ** 20, txnOpsMax: 128 },
    };
    this.node.onLeaderLost(() => this.context.leaderLost.endAll());
    const services = etcdServices(this.context, new HealthService(), []);
    this.#methods = new Map(
      services.flatMap(({ name, methods }) =>
        Object.entries(methods).map(([method, each]) => [`${name}/${method}`, each] as const),
      ),
    );
  }

  static async open(): Promise<ServiceWorld> {
    return new ServiceWorld(await StoreWorld.open());
  }

  /** A unary call, such as `call('KV.Put', { key })`. */
  async call(name: string, request: Message = {}): Promise<{ status?: GrpcStatus; response?: Message }> {
    const { method, requestType, responseType } = this.#find(name);
    const answer = await this.raw(method, codecOf<Message>(requestType).encode(request));
    if (answer.status !== undefined) return { status: answer.status };
    return { response: codecOf<Message>(responseType).decode(answer.bytes) };
  }

  /** The same with bytes that need not be a message. */
  callRaw(name: string, request: Uint8Array): Promise<{ status: GrpcStatus | undefined; bytes: Buffer }> {
    return this.raw(this.#find(name).method, request);
  }

  raw(method: Method, request: Uint8Array): Promise<{ status: GrpcStatus | undefined; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      if (method.kind !== 'unary') return reject(new Error('the method is a stream'));
      const call = { path: '', peer: 'test', deadlineMs: Infinity, ended: false };
      method.handle(
        request,
        { ...call, metadata: () => undefined, onCancel: () => undefined },
        (status, response = []) => resolve({ status, bytes: bytesOf(response) }),
      );
    });
  }

  open(name: string, metadata: Readonly<Record<string, string>> = {}): TestBidi {
    const { method, requestType, responseType } = this.#find(name);
    if (method.kind !== 'bidi') throw new Error(`${name} is no stream`);
    const stream = new TestBidi(metadata, {
      encode: (message) => codecOf<Message>(requestType).encode(message),
      decode: (bytes) => codecOf<Message>(responseType).decode(bytes),
    });
    method.handle(stream);
    return stream;
  }

  /** What serves calls that other nodes forward to this one. */
  forwarded(onFault: (error: unknown) => void = () => undefined): ForwardedCalls {
    return new ForwardedCalls({ context: () => this.context, onFault });
  }

  #find(name: string): { method: Method; requestType: string; responseType: string } {
    const [service, method] = name.split('.') as [string, string];
    const definition = serviceDefinition(`etcdserverpb.${service}`)[method]!;
    const { requestType, responseType } = definition;
    return { method: this.#methods.get(`etcdserverpb.${service}/${method}`)!, requestType, responseType };
  }
}

function bytesOf(message: Sent): Buffer {
  if (message instanceof Uint8Array) return Buffer.from(message);
  if (Array.isArray(message)) return Buffer.concat(message as Uint8Array[]);
  const source = message as Exclude<Sent, Uint8Array | readonly Uint8Array[]>;
  const bytes = Buffer.alloc(source.length);
  source.read(bytes, 0, bytes.length);
  source.close();
  return bytes;
}

export interface StreamCodec {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** A stream as a handler sees it, and what it has sent. */
export class TestBidi implements BidiStream {
  readonly path = '/test';
  readonly peer = 'test';
  readonly deadlineMs = Infinity;
  ended = false;
  status: GrpcStatus | undefined;
  readonly sent: Message[] = [];
  isPaused = false;
  /** What `send` says. */
  takesMore = true;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #codec: StreamCodec;
  #message: (bytes: Uint8Array) => void = () => undefined;
  #halfClose: () => void = () => undefined;
  #drain: () => void = () => undefined;
  readonly #cancel: ((code: number) => void)[] = [];

  constructor(metadata: Readonly<Record<string, string>>, codec: StreamCodec) {
    this.#metadata = metadata;
    this.#codec = codec;
  }

  metadata(name: string): string | undefined {
    return this.#metadata[name];
  }
  onCancel(run: (code: number) => void): void {
    this.#cancel.push(run);
  }
  send(message: Sent): boolean {
    this.sent.push(this.#codec.decode(bytesOf(message)));
    return this.takesMore;
  }
  onDrain(run: () => void): void {
    this.#drain = run;
  }
  end(status?: GrpcStatus): void {
    if (this.ended) return;
    this.ended = true;
    this.status = status ?? { code: 0, message: '' };
  }
  onMessage(run: (request: Uint8Array) => void): void {
    this.#message = run;
  }
  onHalfClose(run: () => void): void {
    this.#halfClose = run;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }

  // ---- The client's side

  say(message: Message): void {
    this.#message(this.#codec.encode(message));
  }
  sayRaw(bytes: Uint8Array): void {
    this.#message(bytes);
  }
  halfClose(): void {
    this.#halfClose();
  }
  cancel(): void {
    this.ended = true;
    for (const run of this.#cancel) run(1);
  }
  /** The client has read what was sent. */
  drain(): void {
    this.takesMore = true;
    this.#drain();
  }
}
