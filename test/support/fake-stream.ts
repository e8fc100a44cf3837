import { HpackDecoder } from '../../src/transport/hpack/index.ts';
import { bodyBytes, closeBody, writeBody } from '../../src/transport/http2/body.ts';
import {
  RequestHead,
  type Body,
  type Http2Stream,
  type StreamReceiver,
} from '../../src/transport/http2/index.ts';

/** Headers by name; what is not given is as a client of gRPC sends it. */
export type TestHeaders = Readonly<Record<string, string | undefined>>;

export function grpcHead(path: string, headers: TestHeaders = {}): RequestHead {
  return requestHead({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'test',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
}

export function requestHead(all: TestHeaders): RequestHead {
  const fields = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return new RequestHead({
    method: all[':method'] ?? '',
    scheme: all[':scheme'] ?? '',
    authority: all[':authority'] ?? '',
    path: all[':path'] ?? '',
    fields,
    isGrpc: /^application\/grpc([+;]|$)/.test(all['content-type'] ?? ''),
    contentLength: Number(all['content-length'] ?? -1),
  });
}

/** A stream of HTTP/2 without a connection: remembers what is sent on it. */
export class FakeStream implements Http2Stream {
  readonly id = 1;
  readonly head: RequestHead;
  endedByPeer: boolean;
  closed = false;
  isCrowded = false;
  receiver!: StreamReceiver;
  readonly peer = '127.0.0.1:1';
  /** Header fields and trailers, decoded, in the order in which they were sent. */
  readonly sent: Record<string, string>[] = [];
  body: Buffer = Buffer.alloc(0);
  resetCode: number | undefined;
  consumedBytes = 0;
  /** What `write` says. */
  takesMore = true;

  constructor(head: RequestHead, endedByPeer = false) {
    this.head = head;
    this.endedByPeer = endedByPeer;
  }

  /** What the client sends: the whole of it in one frame, or in frames of `frameBytes`. */
  receive(bytes: Uint8Array, isLast: boolean, frameBytes = Infinity): void {
    const chunk = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
    const end = 6 + bytes.length;
    let at = 6;
    do {
      const next = Math.min(at + frameBytes, end);
      this.receiver.data(chunk, at, next, isLast && next === end);
      at = next;
    } while (at < end);
  }

  consumed(bytes: number): void {
    this.consumedBytes += bytes;
  }

  respond(head: Uint8Array, prefix: Uint8Array, body: Body, trailers: Uint8Array | undefined): void {
    this.headers(head, false);
    this.write(prefix, body);
    if (trailers === undefined) this.end();
    else this.trailers(trailers);
  }

  headers(block: Uint8Array, isLast: boolean): void {
    if (this.closed) return;
    this.sent.push(decode(block));
    this.closed ||= isLast;
  }

  write(prefix: Uint8Array, body: Body): boolean {
    if (this.closed) {
      closeBody(body);
      return false;
    }
    const bytes = Buffer.alloc(bodyBytes(body));
    writeBody(bytes, 0, Buffer.alloc(0), body);
    this.body = Buffer.concat([this.body, prefix, bytes]);
    return this.takesMore;
  }

  trailers(block: Uint8Array): void {
    this.headers(block, true);
  }

  end(): void {
    this.closed = true;
  }

  reset(code: number): void {
    if (this.closed) return;
    this.closed = true;
    this.resetCode = code;
  }

  /** The messages of the body: flag and content of each. */
  messages(): { flag: number; bytes: Buffer }[] {
    const found = [];
    for (let at = 0; at < this.body.length;) {
      const length = this.body.readUInt32BE(at + 1);
      found.push({ flag: this.body[at]!, bytes: this.body.subarray(at + 5, at + 5 + length) });
      at += 5 + length;
    }
    return found;
  }

  /** The status of the call and its text, percent-decoded. */
  get status(): { code: number; message: string } | undefined {
    const last = this.sent.at(-1);
    if (last?.['grpc-status'] === undefined) return undefined;
    return { code: Number(last['grpc-status']), message: decodeURIComponent(last['grpc-message'] ?? '') };
  }
}

function decode(block: Uint8Array): Record<string, string> {
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536 });
  const fields = decoder.decode(Buffer.from(block), 0, block.length);
  if (fields === 'tooLarge') throw new Error('the header list is too large');
  const all: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) all[fields[i]!] = fields[i + 1]!;
  return all;
}

/** A message with its prefix. */
export function framed(bytes: Uint8Array | string, flag = 0): Buffer {
  const content = Buffer.from(bytes);
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}
