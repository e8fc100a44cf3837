/**
 * Goal: messages among nodes arrive as they were sent, and nothing but a WireError comes of bytes that are none. Method:
 * round trips of any message, proto-loader on proto/engram/peer.proto as the judge of the bytes, and damaged bytes.
 */
import { loadSync } from '@grpc/proto-loader';
import { fc, test as property } from '@fast-check/vitest';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  decodePeerMessage,
  decodePing,
  encodePeerMessage,
  encodePing,
  greetingTextBytesMax,
  joinedPeerMessage,
  peerItemsMax,
  PEER_NOT_LEADER,
  WireError,
  type PeerMessage,
} from './index.ts';

const natural = fc.oneof(fc.nat(300), fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }));
const text = fc.string({ unit: 'binary', maxLength: 20 });
/** On both sides of what is referenced instead of copied. */
const bytes = fc
  .oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ minLength: 1000, maxLength: 1100, size: 'max' }))
  .map((array) => Buffer.from(array));
const member = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const chunk = fc.record({ sequence: natural, bytes });
const call = fc.record({ id: natural, method: fc.oneof(fc.constant('/a.B/C'), text), request: bytes });
const answer = fc.record({ id: natural, code: natural, message: text, body: bytes });

const anyMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('hello' as const), to: text, from: text, name: text, member }),
  fc.record({ kind: fc.constant('readIndex' as const), id: natural }),
  fc.record({ kind: fc.constant('calls' as const), calls: fc.array(call, { maxLength: 5 }) }),
  fc.constant<PeerMessage>({ kind: 'notLeader' }),
  fc.record({
    kind: fc.constant('commit' as const),
    ...{ epoch: natural, announced: natural, chunks: fc.array(chunk, { maxLength: 5 }) },
  }),
  fc.record({ kind: fc.constant('announce' as const), epoch: natural, sequence: natural }),
  fc.record({
    kind: fc.constant('index' as const),
    ...{ id: natural, epoch: natural, sequence: fc.option(natural, { nil: undefined }) },
  }),
  fc.record({ kind: fc.constant('answers' as const), answers: fc.array(answer, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('released' as const), to: text }),
);

function codeOf(encoded: Uint8Array): string {
  try {
    decodePeerMessage(encoded);
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
  return 'fine';
}

describe('round trip', () => {
  property.prop([anyMessage], { numRuns: 600 })('any message', (message) => {
    expect(decodePeerMessage(joinedPeerMessage(message))).toEqual(message);
  });

  property.prop([anyMessage], { numRuns: 200 })('bytes may be any Uint8Array', (message) => {
    const plain = new Uint8Array(Buffer.concat(encodePeerMessage(message)));
    const decoded = decodePeerMessage(plain);
    expect(joinedPeerMessage(decoded!)).toEqual(Buffer.from(plain));
  });

  test('a number of 0 is told from none', () => {
    const zero: PeerMessage = { kind: 'index', id: 0, epoch: 0, sequence: 0 };
    const none: PeerMessage = { kind: 'index', id: 0, epoch: 0, sequence: undefined };
    expect(decodePeerMessage(joinedPeerMessage(zero))).toEqual(zero);
    expect(decodePeerMessage(joinedPeerMessage(none))).toEqual(none);
  });

  test('large fields are sent and read without a copy', () => {
    const content = Buffer.alloc(100_000, 7);
    const slices = encodePeerMessage({
      ...{ kind: 'commit', epoch: 3, announced: 7 },
      chunks: [
        { sequence: 8, bytes: content },
        { sequence: 9, bytes: Buffer.from('small') },
      ],
    });
    expect(slices).toHaveLength(3);
    expect(slices[1]).toBe(content);
    const joined = Buffer.concat(slices);
    const decoded = decodePeerMessage(joined);
    expect(decoded?.kind === 'commit' && decoded.chunks[0]?.bytes.buffer).toBe(joined.buffer);
  });
});

describe('as peer.proto has it', () => {
  const loaded = loadSync(join(import.meta.dirname, '../../proto/engram/peer.proto'), {
    ...{ keepCase: true, longs: String, defaults: false, oneofs: true },
  });
  const service = loaded['engram.Peer'] as unknown as {
    Link: {
      path: string;
      requestDeserialize(bytes: Buffer): Record<string, unknown>;
      requestSerialize(message: object): Buffer;
    };
  };
  const judge = (message: PeerMessage): unknown =>
    service.Link.requestDeserialize(Buffer.concat(encodePeerMessage(message)));

  test('every kind is read by others', () => {
    expect(service.Link.path).toBe('/engram.Peer/Link');
    expect(judge({ kind: 'hello', to: 't', from: 'f', name: 'n', member: 2n ** 63n })).toMatchObject({
      kind: 'hello',
      hello: { to: 't', from: 'f', name: 'n', member: '9223372036854775808' },
    });
    expect(judge({ kind: 'readIndex', id: 5 })).toMatchObject({
      kind: 'read_index',
      read_index: { id: '5' },
    });
    const request = Buffer.alloc(2000, 1);
    expect(judge({ kind: 'calls', calls: [{ id: 1, method: '/a.B/C', request }] })).toMatchObject({
      calls: { calls: [{ id: '1', method: '/a.B/C', request }] },
    });
    expect(judge({ kind: 'notLeader' })).toMatchObject({ kind: 'not_leader' });
    const chunks = [{ sequence: 2 ** 40, bytes: request }];
    expect(judge({ kind: 'commit', epoch: 2, announced: 3, chunks })).toMatchObject({
      commit: { epoch: '2', announced: '3', chunks: [{ sequence: String(2 ** 40), content: request }] },
    });
    expect(judge({ kind: 'announce', epoch: 4, sequence: 5 })).toMatchObject({
      announce: { epoch: '4', sequence: '5' },
    });
    expect(judge({ kind: 'index', id: 1, epoch: 2, sequence: 0 })).toMatchObject({
      index: { id: '1', epoch: '2', sequence: '0' },
    });
    const answers = [{ id: 1, code: PEER_NOT_LEADER, message: 'no', body: request }];
    expect(judge({ kind: 'answers', answers })).toMatchObject({
      answers: { answers: [{ id: '1', code: '1000', message: 'no', body: request }] },
    });
    const ping = service.Link.requestDeserialize(encodePing({ kind: 'ping', id: 6 }));
    expect(ping).toMatchObject({ kind: 'ping', ping: { id: '6' } });
    expect(judge({ kind: 'released', to: 'x' })).toMatchObject({ kind: 'released', released: { to: 'x' } });
  });

  test('what others write is read', () => {
    const written = service.Link.requestSerialize({
      answers: { answers: [{ id: 3, code: 5, message: 'm' }] },
    });
    expect(decodePeerMessage(written)).toEqual({
      kind: 'answers',
      answers: [{ id: 3, code: 5, message: 'm', body: Buffer.alloc(0) }],
    });
  });
});

describe('bytes that are no message', () => {
  property.prop([fc.uint8Array({ maxLength: 200 })], { numRuns: 2000 })(
    'any: a WireError or nothing',
    (noise) => {
      codeOf(noise);
    },
  );

  property.prop(
    [anyMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat()],
    {
      numRuns: 2000,
    },
  )('damaged and cut messages: a WireError or another message', (message, damages, cut) => {
    const encoded = joinedPeerMessage(message);
    for (const [at, value] of damages) encoded[at % encoded.length] = value;
    codeOf(encoded);
    codeOf(encoded.subarray(0, cut % (encoded.length + 1)));
  });

  test.each([
    ['numbers that no node counts to', '3209 08 ffffffffffffffff', 'truncated'],
    ['a negative one', '320b 08 ffffffffffffffffff01', 'valueOutOfRange'],
    ['one beyond 2^53', '3209 08 ffffffffffffff7f', 'valueOutOfRange'],
    ['text that is not UTF-8', '4a04 0a02c328', 'invalidText'],
    ['a method that is not UTF-8', '1a06 0a04 1202c328', 'invalidText'],
    ['a length beyond its message', '4a04 0a05', 'lengthExceeded'],
    ['an end of no group', '24', 'unbalancedGroup'],
    ['field number 0', '0001', 'invalidTag'],
  ])('%s', (_name, hex, code) => {
    expect(codeOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(code);
  });

  test('promise 9: a message of millions of empty calls makes no millions of objects', () => {
    for (const [member, item] of [
      [0x1a, 0x0a],
      [0x42, 0x0a],
      [0x2a, 0x1a],
    ] as const) {
      const message = (count: number): Buffer => {
        const items = Buffer.alloc(2 * count);
        for (let at = 0; at < items.length; at += 2) items[at] = item;
        const head = Buffer.from([member, 0, 0, 0]);
        head[1] = (items.length & 0x7f) | 0x80;
        head[2] = ((items.length >> 7) & 0x7f) | 0x80;
        head[3] = items.length >> 14;
        return Buffer.concat([head, items]);
      };
      expect(codeOf(message(peerItemsMax))).toBe('fine');
      expect(codeOf(message(peerItemsMax + 1))).toBe('valueOutOfRange');
    }
  });

  test.each(['to', 'from', 'name'])('promise 8: a greeting is not kept whose `%s` is very long', (field) => {
    const hello = { kind: 'hello', to: '', from: '', name: '', member: 0n } as const;
    const message = (length: number): Buffer => joinedPeerMessage({ ...hello, [field]: 'x'.repeat(length) });
    expect(codeOf(message(greetingTextBytesMax))).toBe('fine');
    expect(codeOf(message(greetingTextBytesMax + 1))).toBe('valueOutOfRange');
  });
});

describe('pings', () => {
  test.each([
    ['ping', 1],
    ['pong', 2 ** 40],
  ] as const)('%s is read back, and is no message to earlier versions', (kind, id) => {
    const bytes = encodePing({ kind, id });
    expect(decodePing(bytes)).toEqual({ kind, id });
    expect(decodePeerMessage(bytes)).toBeUndefined();
  });

  test('what is none is told apart, and what is broken is refused', () => {
    for (const message of [{ kind: 'notLeader' }, { kind: 'readIndex', id: 7 }] as const)
      expect(decodePing(Buffer.concat(encodePeerMessage(message)))).toBeUndefined();
    expect(decodePing(Buffer.alloc(0))).toBeUndefined();
    expect(() => decodePing(Buffer.from('520a08', 'hex'))).toThrow(WireError);
  });
});

describe('other versions', () => {
  test('a message of no kind, or of a later one, is nothing', () => {
    expect(decodePeerMessage(Buffer.alloc(0))).toBeUndefined();
    expect(decodePeerMessage(Buffer.from('fa0103010203', 'hex'))).toBeUndefined();
  });

  test('fields of later versions are skipped', () => {
    expect(decodePeerMessage(Buffer.from('3207 0801 1002 f80107'.replaceAll(' ', ''), 'hex'))).toEqual({
      ...{ kind: 'announce', epoch: 1, sequence: 2 },
    });
  });
});
