import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { codecOf, serviceDefinition, type MethodDefinition } from '../../src/wire/index.ts';

/** Only a server that never sends the message may run into this: a busy machine must not. */
const MESSAGE_MS_MAX = 20_000;

/** A message as proto-loader's codecs see it: fields by their names in the proto files. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests reach into any message
export type Message = Record<string, any>;

/** A call that failed: gRPC's code and the text. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: number;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** A grpc-js client of all services in `proto/`, for one server. */
export class TestClient {
  readonly #client: Client;

  constructor(url: string, channelCredentials: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new Client(new URL(url).host, channelCredentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** A unary call such as `call('KV.Put', { key, value })`. Rejects with CallError. */
  async call(name: string, request: Message, options: CallOptions = {}): Promise<Message> {
    const method = methodOf(name);
    const bytes = await this.raw(method.path, codecOf<Message>(method.requestType).encode(request), options);
    return codecOf<Message>(method.responseType).decode(bytes);
  }

  /** A unary call with bytes that the caller made. */
  raw(path: string, bytes: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Buffer): void => {
        if (error !== null) reject(new CallError(error.code, error.details));
        else resolve(response ?? Buffer.alloc(0));
      };
      const call = {
        ...(options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs }),
      };
      this.#client.makeUnaryRequest(
        path,
        identity,
        identity,
        Buffer.from(bytes),
        metadataOf(options),
        call,
        done,
      );
    });
  }

  /** All messages of a server stream. Rejects with CallError. */
  collect(name: string, request: Message, options: CallOptions = {}): Promise<Message[]> {
    const method = methodOf(name);
    return this.collectRaw(method.path, codecOf<Message>(method.requestType).encode(request), options).then(
      (all) => all.map((bytes) => codecOf<Message>(method.responseType).decode(bytes)),
    );
  }

  collectRaw(path: string, bytes: Uint8Array, options: CallOptions = {}): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      const messages: Buffer[] = [];
      const stream = this.#client.makeServerStreamRequest(
        path,
        identity,
        identity,
        Buffer.from(bytes),
        metadataOf(options),
      );
      stream.on('data', (message: Buffer) => messages.push(message));
      stream.on('error', (error: ServiceError) => reject(new CallError(error.code, error.details)));
      stream.on('end', () => resolve(messages));
    });
  }

  /** A bidirectional stream such as `open('Watch.Watch')`. */
  open(name: string, options: CallOptions = {}): TestStream {
    const method = methodOf(name);
    return new TestStream(
      this.#client.makeBidiStreamRequest(method.path, identity, identity, metadataOf(options)),
      method,
    );
  }

  close(): void {
    this.#client.close();
  }
}

/** A stream whose messages wait until the test takes them. */
export class TestStream {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #request;
  readonly #response;
  readonly #arrived: Message[] = [];
  readonly #waiting: ((message: Message) => void)[] = [];
  /** How the stream ended; OK has code 0. */
  readonly status: Promise<{ code: number; details: string }>;

  constructor(stream: ClientDuplexStream<Buffer, Buffer>, method: MethodDefinition) {
    this.#stream = stream;
    this.#request = codecOf<Message>(method.requestType);
    this.#response = codecOf<Message>(method.responseType);
    stream.on('data', (bytes: Buffer) => this.#receive(this.#response.decode(bytes)));
    stream.on('error', () => undefined); // `status` tells.
    this.status = new Promise((resolve) => stream.on('status', resolve));
  }

  send(message: Message): void {
    this.#stream.write(this.#request.encode(message));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#stream.write(Buffer.from(bytes));
  }

  /** The next message; rejects when none comes for a long time. */
  next(): Promise<Message> {
    const message = this.#arrived.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve, reject) => {
      const late = new Error(`no message came within ${MESSAGE_MS_MAX} ms`);
      const timer = setTimeout(() => reject(late), MESSAGE_MS_MAX);
      this.#waiting.push((arrived) => {
        clearTimeout(timer);
        resolve(arrived);
      });
    });
  }

  /** Messages that have come and have not been taken. */
  get arrived(): readonly Message[] {
    return this.#arrived;
  }

  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #receive(message: Message): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(message);
    else waiting(message);
  }
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

/** `KV.Put` is `etcdserverpb.KV`'s; other packages are spelled out. */
function methodOf(name: string): MethodDefinition {
  const dot = name.lastIndexOf('.');
  const service = name.slice(0, dot);
  const method = serviceDefinition(service.includes('.') ? service : `etcdserverpb.${service}`)[
    name.slice(dot + 1)
  ];
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method;
}
