import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { methodOf } from '../protocol.ts';
import type { Message } from '../protocol.ts';
import { clean } from '../protocol.ts';
import { ProbeStream } from './probe-stream.ts';

/** Scripts for servers of their own, one after the other on the same data. */
export interface Family {
  readonly name: string;
  /** Flags that both servers understand. */
  readonly args?: readonly string[];
  /** The servers count differently, for instance how many puts fit: revisions are masked. */
  readonly masksRevisions?: boolean;
  /** The servers are restarted between two scripts. */
  readonly restarts?: boolean;
  readonly scenarios: Readonly<Record<string, (probe: Probe) => Promise<void>>>;
}

export interface Observation {
  readonly label: string;
  readonly value: unknown;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

export interface Answer {
  readonly message: Message;
  readonly error?: { readonly code: number; readonly text: string };
}

const same = (bytes: Buffer): Buffer => bytes;
const CALL_TIMEOUT_MS = 30_000;

/** What one script does to one server, and everything that it saw there. */
export class Probe {
  readonly observations: Observation[] = [];
  /** `http://host:port` of the metrics listener. */
  readonly metricsUrl: string;
  /** `http://host:port` of the client port. */
  readonly clientUrl: string;
  /** The pair is compared by etcd 3.6's rules. */
  readonly older: boolean;
  readonly #client: grpc.Client;
  readonly #masksRevisions: boolean;
  readonly #streams: ProbeStream[] = [];

  constructor(
    target: string,
    options: {
      readonly metricsUrl: string;
      readonly older: boolean;
      readonly masksRevisions: boolean;
    },
  ) {
    this.metricsUrl = options.metricsUrl;
    this.clientUrl = `http://${target}`;
    this.older = options.older;
    this.#masksRevisions = options.masksRevisions;
    this.#client = new grpc.Client(target, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  note(label: string, value: unknown): void {
    this.observations.push({ label, value: this.normal(value) });
  }

  /** Calls `KV.Put` and its like, and notes the whole answer. */
  async ask(name: string, message: Message = {}, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.call(name, message, options);
    this.note(`${name} ${shorten(message)}`, answer.error ?? answer.message);
    return answer;
  }

  /** As `ask`, without a note. */
  async call(name: string, message: Message = {}, options: CallOptions = {}): Promise<Answer> {
    const method = methodOf(pathOf(name));
    const request = method.requestSerialize(clean(message) as Message);
    const { error, bytes } = await this.unary(pathOf(name), request, options);
    if (error !== undefined) return { message: {}, error };
    return { message: method.responseDeserialize(bytes) };
  }

  /** A call with bytes of the script's making. Never rejects. */
  unary(
    path: string,
    request: Buffer,
    { metadata, deadlineMs = CALL_TIMEOUT_MS }: CallOptions = {},
  ): Promise<{ bytes: Buffer; error?: { code: number; text: string } }> {
    const call = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, same, same, request, metadataOf(metadata), call, (error, bytes) => {
        if (error === null) resolve({ bytes: bytes ?? Buffer.alloc(0) });
        else resolve({ bytes: Buffer.alloc(0), error: { code: error.code, text: error.details } });
      });
    });
  }

  /** All messages of a server stream, decoded, and how it ended. */
  async collect(name: string, message: Message | Buffer): Promise<{ messages: Message[]; error?: unknown }> {
    const method = methodOf(pathOf(name));
    const request = Buffer.isBuffer(message) ? message : method.requestSerialize(clean(message) as Message);
    const stream = this.#client.makeServerStreamRequest(method.path, same, same, request);
    const messages: Message[] = [];
    return new Promise((resolve) => {
      stream.on('data', (bytes: Buffer) => messages.push(method.responseDeserialize(bytes)));
      stream.on('error', (error: grpc.ServiceError) =>
        resolve({ messages, error: { code: error.code, text: error.details } }),
      );
      stream.on('end', () => resolve({ messages }));
    });
  }

  open(name: string, metadata: Readonly<Record<string, string>> = {}): ProbeStream {
    const method = methodOf(pathOf(name));
    const call = this.#client.makeBidiStreamRequest(method.path, same, same, metadataOf(metadata));
    const stream = new ProbeStream(this, call, method);
    this.#streams.push(stream);
    return stream;
  }

  /** The body, status and content type of an HTTP request to the metrics listener. */
  async http(path: string, method = 'GET'): Promise<void> {
    const response = await fetch(`${this.metricsUrl}${path}`, { method });
    const [body, type, allow] = [await response.text(), 'content-type', 'allow'];
    this.note(`${method} ${path}`, {
      status: response.status,
      // The checks are run in the order of a map, which in Go is none.
      body: body.split('\n').sort(),
      type: response.headers.get(type),
      allow: response.headers.get(allow),
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }

  /** Identities masked, long bytes as their digest. */
  normal(value: unknown, name = ''): unknown {
    if (Buffer.isBuffer(value)) return bytesText(value);
    if (Array.isArray(value)) return value.map((each) => this.normal(each, name));
    if (typeof value === 'string' && name === 'text') return errorText(value);
    if (MASKED.has(name)) return value === '0' ? 'zero' : 'set';
    if (this.#masksRevisions && name.includes('revision')) return value === '0' ? 'zero' : 'set';
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, this.normal(held, key)]));
  }
}

const MASKED = new Set(['cluster_id', 'member_id', 'raft_term', 'memberID']);

/** The detail of a parser's error is in its own words. */
function errorText(text: string): string {
  return text.replace(
    /((?:error unmarshalling request|failed to unmarshal the received message): ).*/s,
    '$1...',
  );
}

const BYTES_SHOWN_MAX = 64;

function bytesText(bytes: Buffer): string {
  if (bytes.length <= BYTES_SHOWN_MAX) return bytes.toString('latin1');
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

export function shorten(message: unknown): string {
  const text = JSON.stringify(message, (_key, held: unknown) =>
    typeof held === 'object' && held !== null && 'type' in held && held.type === 'Buffer' && 'data' in held
      ? bytesText(Buffer.from(held.data as number[]))
      : held,
  );
  return text.length <= 160 ? text : `${text.slice(0, 160)}...`;
}

function pathOf(name: string): string {
  return `/etcdserverpb.${name.replace('.', '/')}`;
}

function metadataOf(entries: Readonly<Record<string, string>> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

/** The first things that two servers did differently, in words. */
export function disagreements(expected: readonly Observation[], found: readonly Observation[]): string[] {
  const problems: string[] = [];
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const [a, b] = [expected[i], found[i]];
    if (isDeepStrictEqual(a, b)) continue;
    const label = a?.label === b?.label ? a?.label : `${a?.label} / ${b?.label}`;
    problems.push(`${label}\n  etcd   ${JSON.stringify(a?.value)}\n  engram ${JSON.stringify(b?.value)}`);
  }
  return problems;
}
