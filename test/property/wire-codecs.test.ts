import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  codecOf,
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodeKeyValue,
  decodeLeaseGrantRequest,
  decodeLeaseKeepAliveRequest,
  decodeLeaseRevokeRequest,
  decodeLeaseTimeToLiveRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  decodeWatchRequest,
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodeDeleteRangeResponse,
  encodeHeaderOnlyResponse,
  encodeKeyValue,
  encodeLeaseGrantRequest,
  encodeLeaseGrantResponse,
  encodeLeaseKeepAliveRequest,
  encodeLeaseKeepAliveResponse,
  encodeLeaseTimeToLiveRequest,
  encodePutRequest,
  encodePutResponse,
  encodeRangeRequest,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnRequest,
  encodeTxnResponse,
  encodeWatchRequest,
  encodeWatchResponseHead,
  eventFieldSize,
  rangeResponseSize,
  tombstoneSize,
  writeEventField,
  writeTombstone,
  type KeyValue,
  type ResponseOp,
  type TxnResponse,
} from '../../src/wire/index.ts';
import { bytesOf } from '../support/messages.ts';
import {
  deleteRangeRequest,
  headerOf,
  headerParts,
  int64,
  keyValue,
  natural,
  putRequest,
  rangeRequest,
  runsOf,
  safeInteger,
  txnRequest,
  watchRequest,
  type HeaderParts,
} from './wire-arbitraries.ts';
import {
  deleteRangeShape,
  keyValueShape,
  putShape,
  rangeShape,
  txnShape,
  watchShape,
} from './wire-shapes.ts';

/**
 * Goal: the hand-written codecs say exactly what protobuf says. Method: random messages through the hand codec and through
 * proto-loader, in both directions; bytes must be equal, because etcd's hashes and chunk bytes depend on them.
 */

type Shape = Record<string, unknown>;

/** Both directions of a request codec against proto-loader. */
function agrees<T>(
  name: string,
  message: T,
  hand: { encode(message: T): Buffer; decode(bytes: Uint8Array): T },
  shapeOf: (message: T) => Shape,
): void {
  const codec = codecOf<Shape>(`etcdserverpb.${name}`);
  const encoded = hand.encode(message);
  expect(encoded.toString('hex')).toBe(codec.encode(shapeOf(message)).toString('hex'));
  expect(hand.decode(encoded)).toEqual(message);
}

describe('requests', () => {
  test.prop([rangeRequest])('RangeRequest', (message) => {
    agrees('RangeRequest', message, { encode: encodeRangeRequest, decode: decodeRangeRequest }, rangeShape);
  });

  test.prop([putRequest])('PutRequest', (message) => {
    agrees('PutRequest', message, { encode: encodePutRequest, decode: decodePutRequest }, putShape);
  });

  test.prop([deleteRangeRequest])('DeleteRangeRequest', (message) => {
    const hand = { encode: encodeDeleteRangeRequest, decode: decodeDeleteRangeRequest };
    agrees('DeleteRangeRequest', message, hand, deleteRangeShape);
  });

  test.prop([txnRequest])('TxnRequest', (message) => {
    agrees('TxnRequest', message, { encode: encodeTxnRequest, decode: decodeTxnRequest }, txnShape);
  });

  test.prop([watchRequest])('WatchRequest', (message) => {
    agrees('WatchRequest', message, { encode: encodeWatchRequest, decode: decodeWatchRequest }, watchShape);
  });

  test.prop([fc.record({ revision: safeInteger, physical: fc.boolean() })])(
    'CompactionRequest',
    (message) => {
      const hand = { encode: encodeCompactionRequest, decode: decodeCompactionRequest };
      agrees('CompactionRequest', message, hand, (request) => ({ ...request }));
    },
  );

  test.prop([safeInteger, int64, fc.boolean()])('lease requests', (ttl, id, keys) => {
    const grant = { encode: encodeLeaseGrantRequest, decode: decodeLeaseGrantRequest };
    agrees('LeaseGrantRequest', { ttl, id }, grant, () => ({ TTL: ttl, ID: id }));
    const keepAlive = { encode: encodeLeaseKeepAliveRequest, decode: decodeLeaseKeepAliveRequest };
    agrees('LeaseKeepAliveRequest', { id }, keepAlive, () => ({ ID: id }));
    const revoke = { encode: encodeLeaseKeepAliveRequest, decode: decodeLeaseRevokeRequest };
    agrees('LeaseRevokeRequest', { id }, revoke, () => ({ ID: id }));
    const timeToLive = { encode: encodeLeaseTimeToLiveRequest, decode: decodeLeaseTimeToLiveRequest };
    agrees('LeaseTimeToLiveRequest', { id, keys }, timeToLive, () => ({ ID: id, keys }));
  });

  test.prop([fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })])(
    'int64 saturates, never rounds',
    (value) => {
      const bytes = codecOf<Shape>('etcdserverpb.CompactionRequest').encode({ revision: value });
      const { revision } = decodeCompactionRequest(bytes);
      const limit = BigInt(Number.MAX_SAFE_INTEGER);
      const expected = value > limit ? limit : value < -limit ? -limit : value;
      expect(BigInt(revision)).toBe(expected);
    },
  );
});

describe('key-values', () => {
  test.prop([keyValue])('KeyValue', (kv) => {
    const encoded = encodeKeyValue(kv);
    const codec = codecOf<Shape>('mvccpb.KeyValue');
    expect(encoded.equals(codec.encode(keyValueShape(kv)))).toBe(true);
    expect(decodeKeyValue(encoded)).toEqual(kv);
  });

  test.prop([keyValue])('tombstone', ({ key, modRevision }) => {
    const target = Buffer.alloc(tombstoneSize(key.length, modRevision));
    expect(writeTombstone(target, 0, key, modRevision)).toBe(target.length);
    expect(target.equals(codecOf<Shape>('mvccpb.KeyValue').encode({ key, mod_revision: modRevision }))).toBe(
      true,
    );
  });
});

const kvLists = fc.array(keyValue, { maxLength: 6 });

describe('responses', () => {
  test.prop([headerParts, kvLists, fc.boolean(), natural])('RangeResponse', (header, kvs, more, count) => {
    const response = { header: headerOf(header), kvs: runsOf(kvs), more, count };
    const whole = bytesOf(encodeRangeResponse(response));
    const shape = { header, kvs: kvs.map(keyValueShape), more, count };
    expect(whole.equals(codecOf<Shape>('etcdserverpb.RangeResponse').encode(shape))).toBe(true);
    expect(whole.length).toBe(rangeResponseSize(response));
    const streamed = bytesOf(encodeRangeStreamResponse(response));
    const stream = codecOf<Shape>('etcdserverpb.RangeStreamResponse');
    expect(streamed.equals(stream.encode({ range_response: shape }))).toBe(true);
  });

  test.prop([headerParts, kvLists, natural])('DeleteRangeResponse', (header, kvs, deleted) => {
    const response = { header: headerOf(header), deleted, prevKvs: runsOf(kvs) };
    const whole = bytesOf(encodeDeleteRangeResponse(response));
    const shape = { header, deleted, prev_kvs: kvs.map(keyValueShape) };
    expect(whole.equals(codecOf<Shape>('etcdserverpb.DeleteRangeResponse').encode(shape))).toBe(true);
  });

  test.prop([headerParts, fc.option(keyValue)])('PutResponse', (header, prevKv) => {
    const encoded = encodePutResponse({
      header: headerOf(header),
      prevKv: prevKv === null ? undefined : encodeKeyValue(prevKv),
    });
    const shape = { header, prev_kv: prevKv === null ? null : keyValueShape(prevKv) };
    expect(encoded.equals(codecOf<Shape>('etcdserverpb.PutResponse').encode(shape))).toBe(true);
  });

  test.prop([headerParts, int64, natural, fc.string()])(
    'header-only and lease responses',
    (header, id, ttl, error) => {
      const handHeader = headerOf(header);
      const compaction = codecOf('etcdserverpb.LeaseRevokeResponse').encode({ header });
      expect(encodeHeaderOnlyResponse(handHeader).equals(compaction)).toBe(true);
      const keepAlive = codecOf('etcdserverpb.LeaseKeepAliveResponse').encode({ header, ID: id, TTL: ttl });
      expect(encodeLeaseKeepAliveResponse({ header: handHeader, id, ttl }).equals(keepAlive)).toBe(true);
      const grant = codecOf('etcdserverpb.LeaseGrantResponse').encode({ header, ID: id, TTL: ttl, error });
      expect(encodeLeaseGrantResponse({ header: handHeader, id, ttl, error }).equals(grant)).toBe(true);
    },
  );
});

interface OpPair {
  hand: ResponseOp;
  shape: Shape;
}
interface TxnPair {
  hand: TxnResponse;
  shape: Shape;
}

function txnPair(header: HeaderParts | null, succeeded: boolean, ops: OpPair[]): TxnPair {
  return {
    hand: { header: headerOf(header), succeeded, responses: ops.map((op) => op.hand) },
    shape: { header, succeeded, responses: ops.map((op) => op.shape) },
  };
}

function rangePair(header: HeaderParts | null, kvs: KeyValue[]): OpPair {
  const response = { header: headerOf(header), kvs: runsOf(kvs), more: true, count: kvs.length };
  const shape = { header, kvs: kvs.map(keyValueShape), more: true, count: kvs.length };
  return { hand: { kind: 'range', response }, shape: { response_range: shape } };
}

function deletePair(header: HeaderParts | null, kvs: KeyValue[]): OpPair {
  const response = { header: headerOf(header), deleted: kvs.length, prevKvs: runsOf(kvs) };
  const shape = { header, deleted: kvs.length, prev_kvs: kvs.map(keyValueShape) };
  return { hand: { kind: 'deleteRange', response }, shape: { response_delete_range: shape } };
}

function putPair(header: HeaderParts | null, prevKv: KeyValue | null): OpPair {
  const response = { header: headerOf(header), prevKv: prevKv === null ? undefined : encodeKeyValue(prevKv) };
  const shape = { header, prev_kv: prevKv === null ? null : keyValueShape(prevKv) };
  return { hand: { kind: 'put', response }, shape: { response_put: shape } };
}

const txnPairs = fc.letrec<{ txn: TxnPair; op: OpPair }>((tie) => ({
  op: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(headerParts, kvLists).map(([header, kvs]) => rangePair(header, kvs)),
    fc.tuple(headerParts, kvLists).map(([header, kvs]) => deletePair(header, kvs)),
    fc.tuple(headerParts, fc.option(keyValue)).map(([header, kv]) => putPair(header, kv)),
    tie('txn').map(({ hand, shape }) => ({
      hand: { kind: 'txn', response: hand } satisfies ResponseOp,
      shape: { response_txn: shape },
    })),
  ),
  txn: fc
    .tuple(headerParts, fc.boolean(), fc.array(tie('op'), { maxLength: 4 }))
    .map(([header, succeeded, ops]) => txnPair(header, succeeded, ops)),
})).txn;

describe('responses of several messages', () => {
  test.prop([txnPairs])('TxnResponse', ({ hand, shape }) => {
    const whole = bytesOf(encodeTxnResponse(hand));
    expect(whole.equals(codecOf<Shape>('etcdserverpb.TxnResponse').encode(shape))).toBe(true);
  });

  const watchHead = fc.record({
    watch_id: safeInteger,
    created: fc.boolean(),
    canceled: fc.boolean(),
    compact_revision: natural,
    cancel_reason: fc.string(),
    fragment: fc.boolean(),
  });
  const events = fc.array(fc.record({ isDelete: fc.boolean(), kv: keyValue, prevKv: fc.option(keyValue) }), {
    maxLength: 4,
  });

  test.prop([headerParts, watchHead, events])('WatchResponse', (header, head, eventList) => {
    const slices = [
      encodeWatchResponseHead({
        header: headerOf(header),
        watchId: head.watch_id,
        created: head.created,
        canceled: head.canceled,
        compactRevision: head.compact_revision,
        cancelReason: head.cancel_reason,
        fragment: head.fragment,
      }),
    ];
    for (const { isDelete, kv, prevKv } of eventList) {
      const body = encodeKeyValue(kv);
      const prev = prevKv === null ? Buffer.alloc(0) : encodeKeyValue(prevKv);
      const field = Buffer.alloc(eventFieldSize(isDelete, body.length, prev.length));
      const end = writeEventField(field, 0, isDelete, body, 0, body.length, prev, 0, prev.length);
      expect(end).toBe(field.length);
      slices.push(field);
    }
    const shape = {
      header,
      ...head,
      events: eventList.map(({ isDelete, kv, prevKv }) => ({
        type: isDelete ? 1 : 0,
        kv: keyValueShape(kv),
        // An empty previous key-value, which no store has, is none.
        prev_kv: prevKv === null || encodeKeyValue(prevKv).length === 0 ? null : keyValueShape(prevKv),
      })),
    };
    expect(Buffer.concat(slices).equals(codecOf<Shape>('etcdserverpb.WatchResponse').encode(shape))).toBe(
      true,
    );
  });
});
