/** Goal: messages with gzip, both ways. Method: as in calls.test.ts. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { CallsServer } from '../../../test/support/calls-server.ts';
import { framed } from '../../../test/support/fake-stream.ts';

const gzip = { 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'identity, gzip' };
const ok = { code: 0, message: '' };
/** The system's threads have others to work for, too. */
const patiently = { timeout: 60_000 };

describe('compression', () => {
  test('of a request, and of its answer when the client takes it', () => {
    for (const content of ['abc', 'x'.repeat(900)]) {
      const stream = new CallsServer().ask('Echo', framed(gzipSync(content), 1), gzip);
      expect(stream.sent[0]?.['grpc-encoding']).toBe('gzip');
      const [message] = stream.messages();
      expect(message?.flag).toBe(1);
      expect(String(gunzipSync(message?.bytes ?? Buffer.alloc(0)))).toBe(content);
    }
    for (const accepted of [undefined, 'identity', 'deflate,xgzip']) {
      const stream = new CallsServer().ask('Echo', framed(gzipSync('abc'), 1), {
        ...gzip,
        'grpc-accept-encoding': accepted,
      });
      expect(stream.sent[0]?.['grpc-encoding']).toBeUndefined();
      expect(stream.body).toEqual(framed('abc'));
    }
    expect(new CallsServer().ask('Echo', framed('abc'), { 'grpc-accept-encoding': 'gzip' }).body).toEqual(
      framed('abc'),
    );
    // An empty message is not worth it, and an error has no message.
    expect(new CallsServer().ask('Echo', framed('', 0), gzip).body).toEqual(framed(''));
    expect(new CallsServer().ask('Echo', framed('a', 2), gzip).sent[0]?.['grpc-encoding']).toBeUndefined();
  });

  const packed = gzipSync('some text that is long enough');
  const wrongCheck = Buffer.from(packed);
  wrongCheck[packed.length - 5]! ^= 1;
  const wrongBlock = Buffer.from(packed);
  wrongBlock[10] = 7;
  test.each([
    ['nothing', Buffer.alloc(0), 13, 'grpc: failed to decompress the message: EOF'],
    ['a short head', packed.subarray(0, 5), 13, 'grpc: failed to decompress the message: unexpected EOF'],
    [
      'another format',
      Buffer.from('hello world'),
      13,
      'grpc: failed to decompress the message: gzip: invalid header',
    ],
    ['a cut', packed.subarray(0, 20), 13, 'grpc: failed to read decompressed data: unexpected EOF'],
    ['a wrong checksum', wrongCheck, 13, 'grpc: failed to read decompressed data: gzip: invalid checksum'],
    ['a wrong block', wrongBlock, 13, 'grpc: failed to read decompressed data: flate: corrupt input'],
    [
      'more behind it',
      Buffer.concat([packed, Buffer.alloc(4)]),
      13,
      'grpc: failed to read decompressed data: unexpected EOF',
    ],
    [
      'a bomb',
      gzipSync(Buffer.alloc(100_000)),
      8,
      'grpc: received message after decompression larger than max 1000',
    ],
    [
      'one byte too much',
      gzipSync(Buffer.alloc(1001)),
      8,
      'grpc: received message after decompression larger than max 1000',
    ],
  ])('that is broken by %s ends the call', (_name, body, code, message) => {
    expect(new CallsServer().ask('Echo', framed(body, 1), gzip).status).toEqual({ code, message });
  });

  test('of long messages happens elsewhere, in order, and is bounded', async () => {
    const noise = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 255));
    const server = new CallsServer({}, { receiveBytesMax: 10_000 });
    const stream = server.open('Bidi', gzip);
    const body = Buffer.concat([framed(gzipSync(noise), 1), framed('b'), framed(gzipSync('c'), 1)]);
    expect(gzipSync(noise).length).toBeGreaterThan(1024);
    stream.receive(body, true, 700);
    expect(stream.body).toHaveLength(0);
    await vi.waitFor(() => expect(stream.status).toEqual(ok), patiently);
    const texts = stream.messages().map(({ flag, bytes }) => String(flag === 1 ? gunzipSync(bytes) : bytes));
    expect(texts).toEqual([`[${String(noise)}]`, '[b]', '[c]', '.']);
    expect(stream.consumedBytes).toBe(body.length);

    const bomb = new CallsServer().ask('Echo', framed(gzipSync(Buffer.alloc(5_000_000)), 1), gzip);
    expect(bomb.status).toMatchObject({ code: 8 });
    const slowBomb = new CallsServer({}, { receiveBytesMax: 5000 }).ask(
      'Echo',
      framed(gzipSync(Buffer.alloc(5_000_000)), 1),
      gzip,
    );
    await vi.waitFor(
      () =>
        expect(slowBomb.status).toEqual({
          code: 8,
          message: 'grpc: received message after decompression larger than max 5000',
        }),
      patiently,
    );
  });

  test('of long answers happens elsewhere, and is left out for the longest of a stream', async () => {
    const long = Buffer.alloc(100_000, 'abc');
    const server = new CallsServer({
      Long: { kind: 'unary', handle: (_request, _call, reply) => reply(undefined, [long, long]) },
      Longs: {
        kind: 'serverStream',
        handle: (_request, stream) => {
          stream.send([long]);
          stream.end();
        },
      },
    });
    const stream = server.ask('Long', framed(''), gzip);
    await vi.waitFor(() => expect(stream.status).toEqual(ok), patiently);
    expect(gunzipSync(stream.messages()[0]!.bytes).equals(Buffer.concat([long, long]))).toBe(true);
    expect(stream.body.length).toBeLessThan(10_000);
    expect(server.ask('Longs', framed(''), gzip).body.equals(framed(long))).toBe(true);
  });
});
