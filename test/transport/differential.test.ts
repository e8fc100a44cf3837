/**
 * Goal: the transport answers as gRPC's reference for Node does. Method: the same random calls, several at a time, over
 * bare HTTP/2 to both; status, text and messages must be the same. Where a request is broken, the reference has other
 * words than gRPC for Go, or lets it pass: there ours must answer as etcd 3.7.3 was seen to.
 */
import { connect, type ClientHttp2Session } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { order, type Order } from '../support/echo-services.ts';
import { framed } from '../support/fake-stream.ts';
import { startTransport, type TestTransport } from '../support/transport-server.ts';

const receiveBytesMax = 100_000;

interface Side {
  readonly transport: TestTransport;
  readonly session: ClientHttp2Session;
}
let own: Side;
let reference: Side;

async function side(kind: 'own' | 'grpc-js'): Promise<Side> {
  const transport = await startTransport(kind, { receiveBytesMax, refuse: refuseBad });
  return { transport, session: connect(transport.url) };
}

const refuseBad = (
  header: (name: string) => string | undefined,
): { code: number; message: string } | undefined =>
  header('x-refuse') === 'yes' ? { code: 16, message: 'refused: ä %' } : undefined;

beforeAll(async () => {
  own = await side('own');
  reference = await side('grpc-js');
});
afterAll(async () => {
  for (const { session, transport } of [own, reference]) {
    session.destroy();
    await transport.close();
  }
});

interface RandomMessage {
  readonly order: Order;
  readonly paddingBytes: number;
  readonly isGzip: boolean;
}

type Defect =
  'none' | 'cut' | 'format' | 'unannounced gzip' | 'too large' | 'no message' | 'bomb' | 'not gzip';

interface RandomCall {
  readonly service: string;
  readonly method: string;
  readonly messages: readonly RandomMessage[];
  readonly headers: Readonly<Record<string, string>>;
  readonly defect: Defect;
  /** The body is sent in pieces of these lengths, then the rest. */
  readonly pieces: readonly number[];
}

interface Answer {
  readonly httpStatus: number;
  readonly code: number;
  readonly text: string;
  readonly messages: readonly string[];
}

const size = fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(60_000));
const randomOrder: fc.Arbitrary<Order> = fc.record(
  {
    sizes: fc.array(size, { maxLength: 4 }),
    status: fc.record({
      code: fc.integer({ min: 1, max: 16 }),
      message: fc.string({ unit: 'grapheme', maxLength: 30 }),
    }),
    metadata: fc.constant(['x-text', 'x-two', 'x-some-bin', 'x-none']),
    throws: fc.constant(true),
  },
  { requiredKeys: [] },
);
const rarely = <T>(common: T, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(common) }, { weight: 1, arbitrary: rare });

const randomCall: fc.Arbitrary<RandomCall> = fc.record({
  service: rarely('test.Echo', fc.constantFrom('test.longer.Echo', 'test.Missing', 'Echo', 'a/b')),
  method: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('Unary', 'ServerStream', 'Bidi') },
    { weight: 1, arbitrary: fc.constantFrom('Missing', 'unary') },
  ),
  messages: fc.array(
    fc.record({
      order: rarely<Order>({ sizes: [10] }, randomOrder),
      paddingBytes: rarely(0, size),
      isGzip: rarely(false, fc.constant(true)),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  headers: fc.record(
    {
      'x-text': fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
      'x-two': fc.constant('one, two'),
      'x-some-bin': fc.uint8Array({ max: 127 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      'x-refuse': rarely('no', fc.constant('yes')),
      'grpc-timeout': fc.constantFrom('1H', '10M', '99999999S', '30000m', '30000000u'),
      'grpc-accept-encoding': fc.constantFrom('identity', 'gzip', 'identity,deflate,gzip'),
      'user-agent': fc.constant('test'),
      'content-type': fc.constantFrom('application/grpc', 'application/grpc+proto'),
    },
    { requiredKeys: [] },
  ),
  defect: rarely<Defect>(
    'none',
    fc.constantFrom('cut', 'format', 'unannounced gzip', 'too large', 'no message', 'bomb', 'not gzip'),
  ),
  pieces: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
});

/** A unary call or a server stream has one message; the others are thrown away here. */
function messagesOf(call: RandomCall): readonly RandomMessage[] {
  if (call.defect === 'no message') return [];
  return call.method === 'Bidi' ? call.messages : call.messages.slice(0, 1);
}

function bodyOf(call: RandomCall): Buffer {
  const body = Buffer.concat(
    messagesOf(call).map(({ order: wanted, paddingBytes, isGzip }) => {
      const bytes = order(wanted, Math.min(paddingBytes, receiveBytesMax - 2000));
      return isGzip ? framed(gzipSync(bytes), 1) : framed(bytes);
    }),
  );
  switch (call.defect) {
    case 'none':
    case 'no message':
      return body;
    case 'cut':
      return body.subarray(0, Math.max(6, body.length - 3));
    case 'format':
      return framed('abc', 2);
    case 'unannounced gzip':
      return framed(gzipSync('abc'), 1);
    case 'too large':
      return framed(Buffer.alloc(receiveBytesMax + 1));
    case 'bomb':
      return framed(gzipSync(Buffer.alloc(receiveBytesMax + 1)), 1);
    case 'not gzip':
      return framed('certainly not gzip', 1);
  }
}

function usesGzip(call: RandomCall): boolean {
  if (call.defect === 'unannounced gzip') return false;
  return (
    call.defect === 'bomb' || call.defect === 'not gzip' || messagesOf(call).some(({ isGzip }) => isGzip)
  );
}

function ask({ session }: Side, call: RandomCall): Promise<Answer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${call.service}/${call.method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(usesGzip(call) ? { 'grpc-encoding': 'gzip' } : {}),
    ...call.headers,
  });
  let body = bodyOf(call);
  for (const length of call.pieces) {
    stream.write(body.subarray(0, length));
    body = body.subarray(length);
  }
  stream.end(body);
  return new Promise((resolve, reject) => {
    let headers: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (got) => (headers = got));
    stream.on('trailers', (got: Record<string, unknown>) => (trailers = got));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const last = 'grpc-status' in trailers ? trailers : headers;
      const text = last['grpc-message'];
      resolve({
        httpStatus: Number(headers[':status']),
        code: Number(last['grpc-status']),
        text: typeof text === 'string' ? decodeURIComponent(text) : '',
        messages: messagesIn(Buffer.concat(chunks)),
      });
    });
  });
}

function messagesIn(body: Buffer): string[] {
  const found = [];
  for (let at = 0; at < body.length;) {
    const length = body.readUInt32BE(at + 1);
    const bytes = body.subarray(at + 5, at + 5 + length);
    found.push((body[at] === 1 ? gunzipSync(bytes) : bytes).toString('latin1'));
    at += 5 + length;
  }
  return found;
}

/** The status that gRPC for Go ends a broken request with, when the call gets as far. */
function brokenStatus({ defect, method }: RandomCall): { code: number; text: string } {
  switch (defect) {
    case 'none':
      throw new Error('not broken');
    case 'cut':
      return { code: method === 'Unary' ? 2 : 13, text: 'unexpected EOF' };
    case 'format':
      return { code: 13, text: 'grpc: received unexpected payload format 2' };
    case 'unannounced gzip':
      return { code: 13, text: 'grpc: compressed flag set with identity or empty encoding' };
    case 'too large':
      return {
        code: 8,
        text: `grpc: received message larger than max (${receiveBytesMax + 1} vs. ${receiveBytesMax})`,
      };
    case 'no message': {
      const text = 'cardinality violation: received no request message from non-client-streaming RPC';
      return method === 'Unary' ? { code: 2, text: 'EOF' } : { code: 13, text };
    }
    case 'bomb':
      return {
        code: 8,
        text: `grpc: received message after decompression larger than max ${receiveBytesMax}`,
      };
    case 'not gzip':
      return { code: 13, text: 'grpc: failed to decompress the message: gzip: invalid header' };
  }
}

function isKnown({ service, method }: RandomCall): boolean {
  const isService = service === 'test.Echo' || service === 'test.longer.Echo';
  return isService && ['Unary', 'ServerStream', 'Bidi'].includes(method);
}

/** Otherwise nobody looks at the messages. */
function isServed(call: RandomCall): boolean {
  return isKnown(call) && call.headers['x-refuse'] !== 'yes';
}

/** A stream that its handler has ended hears nothing of what follows. */
function endsEarly(call: RandomCall): boolean {
  return messagesOf(call).some(({ order: wanted }) => wanted.status !== undefined || wanted.throws === true);
}

function judge(call: RandomCall, ours: Answer, theirs: Answer): void {
  const isBroken = call.defect !== 'none' && !(call.defect === 'no message' && call.method === 'Bidi');
  // The reference looks at the headers of calls that nobody serves, too.
  if (call.headers['x-refuse'] === 'yes' && !isKnown(call)) expect(ours.code).toBe(12);
  else if (!isBroken || !isServed(call)) expect(ours).toEqual(theirs);
  else if (call.defect !== 'cut' || !endsEarly(call))
    expect(ours).toMatchObject({ httpStatus: 200, ...brokenStatus(call) });
}

test('random calls, whole and broken, are answered alike', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomCall, { minLength: 1, maxLength: 12 }), async (calls) => {
      const judged = calls.map(async (call) => {
        const [ours, theirs] = await Promise.all([ask(own, call), ask(reference, call)]);
        judge(call, ours, theirs);
      });
      await Promise.all(judged);
    }),
    { numRuns: 150, endOnFailure: false },
  );
  expect(own.transport.faults.length).toBeGreaterThan(0);
});
