/**
 * Goal: node:http2 (nghttp2) and we understand each other on random headers. Its client talks to a bare socket: the
 * blocks that it encodes are decoded by ours, and it is answered with blocks of our encoder.
 */

import { once } from 'node:events';
import { connect, sensitiveHeaders, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { encodeHeaders, HpackDecoder, tableOff } from '../../src/transport/hpack/index.ts';

type Fields = readonly (readonly [string, string])[];

const FRAME_HEAD_BYTES = 9;
const PREFACE_BYTES = 24;
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const PRIORITY = 0x20;
const HEADER_TABLE_SIZE = 1;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Just enough of a server to read header blocks and to answer each with one of ours. */
class BareServer {
  readonly decoded: string[][] = [];
  readonly #socket: Socket;
  readonly #decoder: HpackDecoder;
  readonly #answer: () => Buffer;
  #input = Buffer.alloc(0);
  #preface = true;
  #block = Buffer.alloc(0);

  constructor(socket: Socket, tableBytesMax: number, answer: () => Buffer) {
    this.#socket = socket;
    this.#decoder = new HpackDecoder({ tableBytesMax, listBytesMax: 1_000_000 });
    this.#answer = answer;
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(HEADER_TABLE_SIZE, 0);
    setting.writeUInt32BE(tableBytesMax, 2);
    socket.write(frame(SETTINGS, 0, 0, setting));
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', () => undefined);
  }

  #read(bytes: Buffer): void {
    this.#input = Buffer.concat([this.#input, bytes]);
    if (this.#preface && this.#input.length >= PREFACE_BYTES) {
      this.#input = this.#input.subarray(PREFACE_BYTES);
      this.#preface = false;
    }
    while (!this.#preface && this.#input.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + this.#input.readUIntBE(0, 3);
      if (this.#input.length < end) return;
      this.#frame(this.#input.subarray(0, end));
      this.#input = this.#input.subarray(end);
    }
  }

  #frame(bytes: Buffer): void {
    const [type, flags, stream] = [bytes[3]!, bytes[4]!, bytes.readUInt32BE(5)];
    const payload = bytes.subarray(FRAME_HEAD_BYTES);
    if (type === SETTINGS && (flags & ACK) === 0)
      this.#socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type !== HEADERS && type !== CONTINUATION) return;
    const fragment = type === HEADERS && (flags & PRIORITY) !== 0 ? payload.subarray(5) : payload;
    this.#block = Buffer.concat([this.#block, fragment]);
    if ((flags & END_HEADERS) === 0) return;
    this.decoded.push([...this.#decoder.decode(this.#block, 0, this.#block.length)]);
    this.#block = Buffer.alloc(0);
    const end = frame(DATA, END_STREAM, stream, Buffer.alloc(0));
    this.#socket.write(Buffer.concat([frame(HEADERS, END_HEADERS, stream, this.#answer()), end]));
  }
}

interface Exchange {
  readonly request: Fields;
  readonly sensitive: readonly string[];
  readonly response: Fields;
}

interface Outcome {
  readonly decoded: readonly (readonly string[])[];
  readonly answers: readonly IncomingHttpHeaders[];
}

/** One connection: `tableBytesMax` is what we announce to the client, `clientTableBytesMax` what it announces to us. */
async function talk(
  exchanges: readonly Exchange[],
  tableBytesMax: number,
  clientTableBytesMax: number,
): Promise<Outcome> {
  const answers: IncomingHttpHeaders[] = [];
  let bare: BareServer | undefined;
  let answered = 0;
  const listener = createServer((socket) => {
    bare = new BareServer(socket, tableBytesMax, () => {
      const block = encodeHeaders([[':status', '200'], ...exchanges[answered]!.response]);
      return answered++ === 0 && clientTableBytesMax < 4096 ? Buffer.concat([tableOff, block]) : block;
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const client = connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize: clientTableBytesMax } });
  try {
    // The client encodes with the table that we allow once it has read our settings.
    await once(client, 'remoteSettings');
    for (const exchange of exchanges) answers.push(await ask(client, exchange));
  } finally {
    client.destroy();
    listener.close();
    await once(listener, 'close');
  }
  return { decoded: bare?.decoded ?? [], answers };
}

async function ask(
  client: ClientHttp2Session,
  { request, sensitive }: Exchange,
): Promise<IncomingHttpHeaders> {
  const stream = client.request({
    ':path': '/',
    ...Object.fromEntries(request),
    [sensitiveHeaders]: [...sensitive],
  });
  stream.resume();
  stream.end();
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await once(stream, 'close');
  return headers;
}

/** What HTTP allows in a value; blanks at its ends are left out, because receivers drop or refuse them. */
const value = fc
  .string({
    unit: fc
      .oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
        { weight: 2, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
        { weight: 1, arbitrary: fc.constant(9) },
      )
      .map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));
const long = fc
  .tuple(value, fc.integer({ min: 1, max: 300 }))
  .map(([text, times]) => `x${text.repeat(times)}x`);
/** Those of the static table that node:http2 lets anybody send in both directions with any value. */
const staticNames =
  `accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age
  allow authorization cache-control content-disposition content-encoding content-language content-location content-range
  content-type date etag expires from if-match if-modified-since if-none-match if-range if-unmodified-since last-modified
  link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server
  strict-transport-security user-agent vary via www-authenticate`.split(/\s+/);
/** Some that the static table has, some that it lacks, few of the latter so that they repeat. */
const name = fc.oneof(
  fc.constantFrom(...staticNames),
  fc.constantFrom('user-agent', 'grpc-timeout', 'cache-control', 'x-a', 'x-b'),
  fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/),
);
const fields = (longest: fc.Arbitrary<string>) =>
  fc.uniqueArray(
    fc.tuple(
      name,
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('1', 'application/grpc', '') },
        { weight: 8, arbitrary: value },
        { weight: 1, arbitrary: longest },
      ),
    ),
    { selector: ([key]) => key, maxLength: 8 },
  );
const exchange: fc.Arbitrary<Exchange> = fields(long).chain((request) =>
  fc.record({
    request: fc.constant(request),
    sensitive: fc.subarray(request.map(([key]) => key)),
    response: fields(value),
  }),
);
const tableBytes = fc.constantFrom(4096, 4096, 300, 0);

function pairs(flat: readonly string[]): Map<string, string> {
  const result = new Map<string, string>();
  for (let at = 0; at < flat.length; at += 2) result.set(flat[at]!, flat[at + 1]!);
  return result;
}

describe('node:http2', () => {
  test.prop([fc.array(exchange, { minLength: 1, maxLength: 12 }), tableBytes, tableBytes], { numRuns: 80 })(
    'sends blocks that we decode, and reads those that we encode',
    async (exchanges, tableBytesMax, clientTableBytesMax) => {
      const { decoded, answers } = await talk(exchanges, tableBytesMax, clientTableBytesMax);
      expect(decoded).toHaveLength(exchanges.length);
      for (const [at, { request, response }] of exchanges.entries()) {
        const sent = pairs(decoded[at]!);
        expect(sent.get(':method')).toBe('GET');
        for (const [key, text] of request) expect(sent.get(key)).toBe(text);
        expect(sent.size).toBe(4 + request.length);
        expect(answers[at]![':status']).toBe(200);
        for (const [key, text] of response) expect(answers[at]![key]).toBe(text);
      }
    },
  );
});
