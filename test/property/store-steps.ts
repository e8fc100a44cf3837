/** Random steps for the store and the model: few keys, small numbers, so that everything meets everything. */
import fc from 'fast-check';
import type {
  Compare,
  CompareOperand,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/wire/index.ts';
import { bytes } from './store-world.ts';

export type Step =
  | { kind: 'range'; request: RangeRequest }
  | { kind: 'put'; request: PutRequest }
  | { kind: 'deleteRange'; request: DeleteRangeRequest }
  | { kind: 'txn'; request: TxnRequest }
  | { kind: 'compact'; back: number; physical: boolean }
  | { kind: 'grant'; id: bigint; ttl: number }
  | { kind: 'revoke'; id: bigint }
  | { kind: 'attached'; id: bigint }
  | { kind: 'hash'; back: number }
  | { kind: 'tick' }
  | { kind: 'clean' }
  | { kind: 'reopen'; crash: boolean };

const keyText = fc.constantFrom('a', 'b', 'c', 'ab', 'b\0', 'bb', '\xff', '\0');
const anyKey = fc.oneof({ weight: 30, arbitrary: keyText }, { weight: 1, arbitrary: fc.constant('') });
const endText = fc.constantFrom('', '', '', '\0', 'b', 'c', 'bb', 'zz', 'a');
const key = anyKey.map(bytes);
const rangeEnd = endText.map(bytes);
const value = fc.constantFrom('', 'x', 'y', 'yy', 'long '.repeat(20)).map(bytes);
const lease = fc.constantFrom(0n, 0n, 0n, 1n, 2n, -3n);
const rare = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
const filter = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -1, max: 12 }) },
);

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key,
  rangeEnd,
  limit: fc.constantFrom(0, 0, 1, 2, 3, -1, Number.MAX_SAFE_INTEGER),
  revision: fc.oneof(
    { weight: 2, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -1, max: 30 }) },
  ),
  sortOrder: fc.constantFrom(0, 0, 0, 1, 2, 3),
  sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4, 5),
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: rare,
  minModRevision: filter,
  maxModRevision: filter,
  minCreateRevision: filter,
  maxCreateRevision: filter,
});
const putRequest: fc.Arbitrary<PutRequest> = fc
  .record({ key, value, lease, prevKv: fc.boolean(), ignoreValue: rare, ignoreLease: rare, keepsBoth: rare })
  .map(({ keepsBoth, ...request }) => ({
    ...request,
    // Mostly as they must be.
    value: request.ignoreValue && !keepsBoth ? bytes('') : request.value,
    lease: request.ignoreLease && !keepsBoth ? 0n : request.lease,
  }));
const deleteRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({ key, rangeEnd, prevKv: fc.boolean() });

const small = fc.integer({ min: 0, max: 12 });
const operand: fc.Arbitrary<CompareOperand> = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  small.map((number) => ({ kind: 'version', value: number % 3 }) as const),
  small.map((number) => ({ kind: 'createRevision', value: number }) as const),
  small.map((number) => ({ kind: 'modRevision', value: number }) as const),
  value.map((expected) => ({ kind: 'value', value: expected }) as const),
  lease.map((id) => ({ kind: 'lease', value: id }) as const),
);
const TARGETS = { none: 0, version: 0, createRevision: 1, modRevision: 2, value: 3, lease: 4 };
const compare: fc.Arbitrary<Compare> = fc
  .record({
    result: fc.integer({ min: 0, max: 4 }),
    target: fc.integer({ min: 0, max: 5 }),
    key,
    rangeEnd,
    operand,
    fits: rare,
  })
  .map(({ fits, ...compared }) => ({
    ...compared,
    target: fits ? compared.target : TARGETS[compared.operand.kind],
  }));

const { request: txnRequest } = fc.letrec<{ request: TxnRequest; op: RequestOp }>((tie) => ({
  request: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 4 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
  op: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    rangeRequest.map((request) => ({ kind: 'range', request }) as const),
    putRequest.map((request) => ({ kind: 'put', request }) as const),
    deleteRequest.map((request) => ({ kind: 'deleteRange', request }) as const),
    tie('request').map((request) => ({ kind: 'txn', request }) as const),
  ),
}));

const back = fc.integer({ min: -1, max: 8 });
const leaseId = fc.constantFrom(1n, 2n, -3n, 4n);

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: rangeRequest.map((request) => ({ kind: 'range', request }) as const) },
  { weight: 8, arbitrary: putRequest.map((request) => ({ kind: 'put', request }) as const) },
  { weight: 3, arbitrary: deleteRequest.map((request) => ({ kind: 'deleteRange', request }) as const) },
  { weight: 8, arbitrary: txnRequest.map((request) => ({ kind: 'txn', request }) as const) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('compact' as const), back, physical: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      id: leaseId,
      ttl: fc.constantFrom(900, 100_000, 1e10),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), id: leaseId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('attached' as const), id: leaseId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hash' as const), back }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'tick' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clean' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), crash: fc.boolean() }) },
);
