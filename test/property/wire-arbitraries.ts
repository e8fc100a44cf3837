import fc from 'fast-check';
import { ByteRuns } from '../../src/base/index.ts';
import {
  encodeKeyValue,
  headerIdentity,
  type Compare,
  type CompareOperand,
  type DeleteRangeRequest,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type ResponseHeader,
  type TxnRequest,
  type WatchRequest,
} from '../../src/wire/index.ts';

/** Random messages in the shapes of src/wire/messages.ts, weighted towards the edges of varints. */

export const bytes = (maxLength = 100): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

export const safeInteger = fc.oneof(
  fc.constantFrom(0, 1, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeInteger(),
  fc.maxSafeNat(),
  fc.nat({ max: 300 }),
);

export const natural = fc.oneof(
  fc.constantFrom(...Array.from({ length: 53 }, (_, bit) => 2 ** bit - 1)),
  fc.constantFrom(...Array.from({ length: 53 }, (_, bit) => 2 ** bit)),
  fc.maxSafeNat(),
);

export const int64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 0x7fffffffn, -(2n ** 32n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

export const uint64 = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

const enumeration = fc.oneof(fc.nat({ max: 5 }), fc.integer());

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key: bytes(),
  rangeEnd: bytes(),
  limit: safeInteger,
  revision: safeInteger,
  sortOrder: enumeration,
  sortTarget: enumeration,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: safeInteger,
  maxModRevision: safeInteger,
  minCreateRevision: safeInteger,
  maxCreateRevision: safeInteger,
});

export const putRequest: fc.Arbitrary<PutRequest> = fc.record({
  key: bytes(),
  value: bytes(600),
  lease: int64,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});

export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key: bytes(),
  rangeEnd: bytes(),
  prevKv: fc.boolean(),
});

const operand: fc.Arbitrary<CompareOperand> = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.record({
    kind: fc.constantFrom('version' as const, 'createRevision' as const, 'modRevision' as const),
    value: safeInteger,
  }),
  fc.record({ kind: fc.constant('value' as const), value: bytes() }),
  fc.record({ kind: fc.constant('lease' as const), value: int64 }),
);

const compare: fc.Arbitrary<Compare> = fc.record({
  result: enumeration,
  target: enumeration,
  key: bytes(),
  rangeEnd: bytes(),
  operand,
});

export const txnRequest: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant<RequestOp>({ kind: 'none' }),
    rangeRequest.map((request): RequestOp => ({ kind: 'range', request })),
    putRequest.map((request): RequestOp => ({ kind: 'put', request })),
    deleteRangeRequest.map((request): RequestOp => ({ kind: 'deleteRange', request })),
    tie('txn').map((request): RequestOp => ({ kind: 'txn', request })),
  ),
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
})).txn;

export const watchRequest: fc.Arbitrary<WatchRequest> = fc.oneof(
  fc.constant<WatchRequest>({ kind: 'none' }),
  fc.constant<WatchRequest>({ kind: 'progress' }),
  safeInteger.map((watchId): WatchRequest => ({ kind: 'cancel', watchId })),
  fc
    .record({
      key: bytes(),
      rangeEnd: bytes(),
      startRevision: safeInteger,
      progressNotify: fc.boolean(),
      filters: fc.array(enumeration, { maxLength: 4 }),
      prevKv: fc.boolean(),
      watchId: safeInteger.filter((id) => Math.abs(id) < Number.MAX_SAFE_INTEGER),
      fragment: fc.boolean(),
    })
    .map((request): WatchRequest => ({ kind: 'create', request })),
);

export const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes(),
  createRevision: natural,
  modRevision: natural,
  version: natural,
  value: fc.oneof(
    bytes(300),
    fc.integer({ min: 0, max: 20_000 }).map((length) => Buffer.alloc(length, 7)),
  ),
  lease: int64,
});

export interface HeaderParts {
  cluster_id: bigint;
  member_id: bigint;
  revision: number;
  raft_term: number;
}

export const headerParts: fc.Arbitrary<HeaderParts | null> = fc.option(
  fc.record({ cluster_id: uint64, member_id: uint64, revision: natural, raft_term: natural }),
);

export function headerOf(parts: HeaderParts | null): ResponseHeader | undefined {
  if (parts === null) return undefined;
  const identity = headerIdentity(parts.cluster_id, parts.member_id);
  return { identity, revision: parts.revision, raftTerm: parts.raft_term };
}

/** The key-values as runs, each in the middle of a buffer of its own. */
export function runsOf(kvs: readonly KeyValue[]): ByteRuns {
  const runs = new ByteRuns();
  for (const kv of kvs) {
    const body = encodeKeyValue(kv);
    runs.push(Buffer.concat([Buffer.from('before'), body, Buffer.from('after')]), 6, body.length);
  }
  return runs;
}
