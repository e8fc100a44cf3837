/**
 * Goal: the interoperability cases of gRPC (doc/interop-test-descriptions.md of grpc/grpc) that make sense for a server,
 * as far as the seam allows (services send no metadata). Method: grpc-js as the client, on a real connection.
 */
import {
  Client,
  credentials,
  Metadata,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { order, type Order } from '../support/echo-services.ts';
import { startTransport, type TestTransport } from '../support/transport-server.ts';

let transport: TestTransport;
let client: Client;

beforeEach(async () => {
  transport = await startTransport('own');
  client = new Client(new URL(transport.url).host, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  });
});
afterEach(async () => {
  client.close();
  await transport.close();
});

const same = (bytes: Buffer): Buffer => bytes;

interface CallOptions {
  readonly path?: string;
  readonly metadata?: Metadata;
  readonly deadlineMs?: number;
  readonly paddingBytes?: number;
}

function unary(wanted: Order | Buffer, options: CallOptions = {}): Promise<Buffer | ServiceError> {
  const request = Buffer.isBuffer(wanted) ? wanted : order(wanted, options.paddingBytes);
  const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      options.path ?? '/test.Echo/Unary',
      same,
      same,
      request,
      options.metadata ?? new Metadata(),
      deadline,
      (error, response) => resolve(error ?? response ?? Buffer.alloc(0)),
    );
  });
}

/** All messages of a stream and its status. */
function collect(
  stream: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>,
): Promise<{ messages: Buffer[]; code: number; details: string }> {
  const messages: Buffer[] = [];
  stream.on('data', (message: Buffer) => messages.push(message));
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    stream.on('status', ({ code, details }) => resolve({ messages, code, details }));
  });
}

function bidi(metadata = new Metadata(), options = {}): ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest('/test.Echo/Bidi', same, same, metadata, options);
}

const sizesOf = (messages: readonly Buffer[]): number[] => messages.map((message) => message.length);

test('empty_unary', async () => {
  expect(await unary(Buffer.alloc(0))).toHaveLength(0);
});

test('large_unary', async () => {
  const response = await unary({ sizes: [314_159] }, { paddingBytes: 271_828 });
  const expected = Buffer.concat([Buffer.alloc(157_079, 'a'), Buffer.alloc(157_080, 'b')]);
  expect(Buffer.isBuffer(response) && response.equals(expected)).toBe(true);
});

test('client_compressed_unary', async () => {
  // grpc-js compresses requests when told so, and takes answers in gzip from anybody.
  const packed = new Client(new URL(transport.url).host, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': 2,
    'grpc.use_local_subchannel_pool': 1,
  });
  const request = order({ sizes: [314_159] }, 271_828);
  const response = await new Promise((resolve) => {
    packed.makeUnaryRequest('/test.Echo/Unary', same, same, request, (error, bytes) =>
      resolve(error ?? bytes),
    );
  });
  packed.close();
  expect(response).toHaveLength(314_159);
});

test('client_streaming', async () => {
  const stream = bidi();
  const done = collect(stream);
  for (const size of [27_182, 8, 1828, 45_904]) stream.write(Buffer.alloc(size));
  stream.end();
  expect(await done).toMatchObject({ code: 0, messages: [Buffer.from('74922')] });
});

test('server_streaming', async () => {
  const sizes = [31_415, 9, 2653, 58_979];
  const stream = client.makeServerStreamRequest('/test.Echo/ServerStream', same, same, order({ sizes }));
  const { code, messages } = await collect(stream);
  expect([code, sizesOf(messages)]).toEqual([0, sizes]);
});

test('ping_pong', async () => {
  const stream = bidi();
  const done = collect(stream);
  for (const [request, response] of [
    [27_182, 31_415],
    [8, 9],
    [1828, 2653],
    [45_904, 58_979],
  ] as const) {
    const arrived = new Promise((resolve) => stream.once('data', resolve));
    stream.write(order({ sizes: [response] }, request));
    expect(await arrived).toHaveLength(response);
  }
  stream.end();
  const { code, messages } = await done;
  expect([code, sizesOf(messages).slice(0, 4)]).toEqual([0, [31_415, 9, 2653, 58_979]]);
});

test('empty_stream', async () => {
  const stream = bidi();
  const done = collect(stream);
  stream.end();
  expect(await done).toMatchObject({ code: 0, messages: [Buffer.from('0')] });
});

test('many_streams', async () => {
  const all = Array.from({ length: 300 }, async (_, i) => {
    const stream = bidi();
    const done = collect(stream);
    stream.write(order({ sizes: [i] }));
    stream.end();
    const { messages } = await done;
    expect(messages[0]).toHaveLength(i);
    expect(await unary({ sizes: [i * 100] })).toHaveLength(i * 100);
  });
  await Promise.all(all);
});

test('custom_metadata', async () => {
  const metadata = new Metadata();
  metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
  metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0x0a, 0x0b, 0x0a, 0x0b, 0x0a, 0x0b]));
  const names = ['x-grpc-test-echo-initial', 'x-grpc-test-echo-trailing-bin', 'absent'];
  const expected = JSON.stringify(['test_initial_metadata_value', '\n\v\n\v\n\v', null]);
  expect(String(await unary({ metadata: names }, { metadata }))).toBe(expected);
  const stream = bidi(metadata);
  const done = collect(stream);
  stream.end(order({ metadata: names }));
  expect(String((await done).messages[0])).toBe(expected);
});

test('status_code_and_message', async () => {
  const status = { code: 2, message: 'test status message' };
  expect(await unary({ status })).toMatchObject({ code: 2, details: 'test status message' });
  const stream = bidi();
  const done = collect(stream);
  stream.end(order({ status }));
  expect(await done).toEqual({ code: 2, details: 'test status message', messages: [] });
});

test('special_status_message', async () => {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  expect(await unary({ status: { code: 2, message } })).toMatchObject({ code: 2, details: message });
});

test('every status code arrives', async () => {
  for (let code = 1; code <= 16; code++) {
    expect(await unary({ status: { code, message: `code ${code}` } })).toMatchObject({ code });
  }
});

test('unimplemented_method', async () => {
  expect(await unary({}, { path: '/test.Echo/Missing' })).toMatchObject({
    code: 12,
    details: 'unknown method Missing for service test.Echo',
  });
});

test('unimplemented_service', async () => {
  expect(await unary({}, { path: '/test.Missing/Unary' })).toMatchObject({
    code: 12,
    details: 'unknown service test.Missing',
  });
});

test('cancel_after_begin', async () => {
  const stream = bidi();
  const done = collect(stream);
  // Begun means that the server has heard of it.
  stream.write(order({ wait: true }));
  await unary({});
  stream.cancel();
  expect((await done).code).toBe(1);
  await expect.poll(() => transport.events).toEqual(['cancelled /test.Echo/Bidi']);
});

test('cancel_after_first_response', async () => {
  const stream = bidi();
  const done = collect(stream);
  stream.once('data', () => stream.cancel());
  // node:http2 half-closes before it resets: the service must not take that for the end.
  stream.write(order({ sizes: [31_415], wait: true }, 27_182));
  const { code, messages } = await done;
  expect([code, sizesOf(messages)]).toEqual([1, [31_415]]);
  await expect.poll(() => transport.events).toEqual(['cancelled /test.Echo/Bidi']);
});

test('timeout_on_sleeping_server', async () => {
  // Connected already, and with a time in which each call reaches the server, however busy the machine is.
  await unary({});
  const deadlineMs = 1_000;
  expect(await unary({ wait: true }, { deadlineMs })).toMatchObject({ code: 4 });
  const stream = bidi(new Metadata(), { deadline: Date.now() + deadlineMs });
  const done = collect(stream);
  stream.write(order({ sizes: [10], wait: true }));
  expect(await done).toMatchObject({ code: 4 });
  await expect
    .poll(() => [...transport.events].sort())
    .toEqual(['cancelled /test.Echo/Bidi', 'cancelled /test.Echo/Unary']);
});

test('a handler that throws ends its call and no other', async () => {
  const other = unary({ sizes: [1] });
  expect(await unary({ throws: true })).toMatchObject({ code: 13, details: 'internal error' });
  expect(await other).toHaveLength(1);
  expect(transport.faults).toEqual([new Error('asked to throw')]);
});

test('a connection that ends cancels its calls', async () => {
  const stream = bidi();
  stream.on('error', () => undefined);
  stream.write(order({ wait: true }));
  void unary({ wait: true });
  await unary({});
  client.close();
  stream.cancel();
  await expect.poll(() => transport.events).toContain('cancelled /test.Echo/Bidi');
});

test('promise 8: 200 MB of a stream go at the pace of the client, in slices', async () => {
  const sizes = Array.from({ length: 100 }, () => 2_000_000);
  const stream = client.makeServerStreamRequest('/test.Echo/ServerStream', same, same, order({ sizes }));
  let bytes = 0;
  for await (const message of stream) bytes += (message as Buffer).length;
  expect(bytes).toBe(200_000_000);
});
