/**
 * The etcd v3 protocol as a plain client sees it: request bytes out, response bytes in, and a decoder for comparing.
 * It uses proto-loader and grpc-js only, so that nothing of Engram's own codecs judges Engram.
 */
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

export type Message = Record<string, unknown>;
type Method = MethodDefinition<Message, Message>;

const PROTO = join(import.meta.dirname, '..', '..', 'proto');
const loaded = loadSync(
  ['rpc.proto', 'v3lock.proto', 'v3election.proto'].map((file) => join(PROTO, file)),
  {
    includeDirs: [PROTO],
    keepCase: true,
    longs: String,
    enums: Number,
    bytes: Buffer,
    defaults: true,
    oneofs: true,
  },
);

const methods = new Map<string, Method>();
for (const [name, definition] of Object.entries(loaded)) {
  if (!name.startsWith('etcdserverpb.') || 'format' in definition) continue;
  for (const method of Object.values(definition as unknown as ServiceDefinition))
    methods.set(method.path, method as Method);
}

/** The definition of a method by its path, such as `/etcdserverpb.KV/Range`. */
export function methodOf(path: string): Method {
  const method = methods.get(path);
  if (method === undefined) throw new RangeError(`Cannot find the method "${path}" in proto/`);
  return method;
}

export const encodeRequest = (path: string, message: Message): Buffer =>
  methodOf(path).requestSerialize(withoutEmpty(message));
export const decodeRequest = (path: string, bytes: Buffer): Message =>
  methodOf(path).requestDeserialize(bytes);
export const decodeResponse = (path: string, bytes: Buffer): Message =>
  methodOf(path).responseDeserialize(bytes);

/**
 * Go's clients never send an empty bytes field. protobufjs would, and etcd 3.6 takes an empty `range_end` that was sent
 * for "from the key on" where 3.7 takes it for none.
 */
function withoutEmpty(message: Message): Message {
  const held = Object.entries(message).filter(([, value]) => !(Buffer.isBuffer(value) && value.length === 0));
  return Object.fromEntries(held.map(([name, value]) => [name, clean(value)]));
}

export function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value)
    ? withoutEmpty(value as Message)
    : value;
}

/** How one call ended: an answer, a stream of answers, or a status. */
export interface Outcome {
  readonly messages: readonly Buffer[];
  readonly error?: { readonly code: number; readonly text: string };
}

const same = (bytes: Buffer): Buffer => bytes;
const CALL_TIMEOUT_MS = 60_000;

/** One connection to one server. */
export class Connection {
  readonly #client: grpc.Client;
  readonly #streams = new Map<number, OpenStream>();

  constructor(target: string) {
    this.#client = new grpc.Client(target, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
  }

  /** A unary or server-streaming call; never rejects. */
  call(path: string, request: Buffer): Promise<Outcome> {
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    return new Promise((resolve) => {
      if (methodOf(path).responseStream) {
        const messages: Buffer[] = [];
        const stream = this.#client.makeServerStreamRequest(path, same, same, request, { deadline });
        stream.on('data', (message: Buffer) => messages.push(message));
        stream.on('error', (error: grpc.ServiceError) => resolve({ messages, error: statusOf(error) }));
        stream.on('end', () => resolve({ messages }));
        return;
      }
      this.#client.makeUnaryRequest(path, same, same, request, { deadline }, (error, response) => {
        if (error !== null) resolve({ messages: [], error: statusOf(error) });
        else resolve({ messages: [response ?? Buffer.alloc(0)] });
      });
    });
  }

  open(id: number, path: string): void {
    this.#streams.set(id, new OpenStream(this.#client.makeBidiStreamRequest(path, same, same)));
  }

  stream(id: number): OpenStream {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw new RangeError(`Cannot find stream ${id}: it was never opened`);
    return stream;
  }

  streams(): IterableIterator<[number, OpenStream]> {
    return this.#streams.entries();
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.cancel();
    this.#client.close();
  }
}

/** One bidirectional stream and what it has received since it was last looked at. */
export class OpenStream {
  readonly #stream: grpc.ClientDuplexStream<Buffer, Buffer>;
  #messages: Buffer[] = [];
  error: { readonly code: number; readonly text: string } | undefined;
  /** The error has been taken into an outcome. */
  reported = false;
  ended = false;
  lastAtMs = Date.now();

  constructor(stream: grpc.ClientDuplexStream<Buffer, Buffer>) {
    this.#stream = stream;
    stream.on('data', (message: Buffer) => {
      this.#messages.push(message);
      this.lastAtMs = Date.now();
    });
    stream.on('error', (error: grpc.ServiceError) => {
      this.error = statusOf(error);
      this.lastAtMs = Date.now();
    });
    stream.on('end', () => {
      this.ended = true;
      this.lastAtMs = Date.now();
    });
  }

  get waiting(): readonly Buffer[] {
    return this.#messages;
  }

  take(): Buffer[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  send(request: Buffer): void {
    if (!this.ended && this.error === undefined) this.#stream.write(request);
    this.lastAtMs = Date.now();
  }

  half(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }
}

function statusOf(error: grpc.ServiceError): { code: number; text: string } {
  return { code: error.code, text: error.details };
}
