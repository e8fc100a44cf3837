import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WatchRequest,
} from '../../src/wire/index.ts';

/** Domain messages as proto-loader has them, so that the two can be compared. */

type Shape = Record<string, unknown>;

export function keyValueShape(kv: KeyValue): Shape {
  return {
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  };
}

export function rangeShape(request: RangeRequest): Shape {
  return {
    key: request.key,
    range_end: request.rangeEnd,
    limit: request.limit,
    revision: request.revision,
    sort_order: request.sortOrder,
    sort_target: request.sortTarget,
    serializable: request.serializable,
    keys_only: request.keysOnly,
    count_only: request.countOnly,
    min_mod_revision: request.minModRevision,
    max_mod_revision: request.maxModRevision,
    min_create_revision: request.minCreateRevision,
    max_create_revision: request.maxCreateRevision,
  };
}

export function putShape(request: PutRequest): Shape {
  return {
    key: request.key,
    value: request.value,
    lease: request.lease,
    prev_kv: request.prevKv,
    ignore_value: request.ignoreValue,
    ignore_lease: request.ignoreLease,
  };
}

export function deleteRangeShape(request: DeleteRangeRequest): Shape {
  return { key: request.key, range_end: request.rangeEnd, prev_kv: request.prevKv };
}

const operandNames = {
  version: 'version',
  createRevision: 'create_revision',
  modRevision: 'mod_revision',
  value: 'value',
  lease: 'lease',
} as const;

function compareShape(compare: Compare): Shape {
  const shape: Shape = {
    result: compare.result,
    target: compare.target,
    key: compare.key,
    range_end: compare.rangeEnd,
  };
  const { operand } = compare;
  if (operand.kind === 'none') return shape;
  const name = operandNames[operand.kind];
  return { ...shape, [name]: operand.value, target_union: name };
}

function operationShape(op: RequestOp): Shape {
  switch (op.kind) {
    case 'none':
      return {};
    case 'range':
      return { request_range: rangeShape(op.request), request: 'request_range' };
    case 'put':
      return { request_put: putShape(op.request), request: 'request_put' };
    case 'deleteRange':
      return { request_delete_range: deleteRangeShape(op.request), request: 'request_delete_range' };
    case 'txn':
      return { request_txn: txnShape(op.request), request: 'request_txn' };
  }
}

export function txnShape(request: TxnRequest): Shape {
  return {
    compare: request.compare.map(compareShape),
    success: request.success.map(operationShape),
    failure: request.failure.map(operationShape),
  };
}

export function watchShape(request: WatchRequest): Shape {
  switch (request.kind) {
    case 'none':
      return {};
    case 'progress':
      return { progress_request: {}, request_union: 'progress_request' };
    case 'cancel':
      return { cancel_request: { watch_id: request.watchId }, request_union: 'cancel_request' };
    case 'create': {
      const { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment } =
        request.request;
      return {
        create_request: {
          filters,
          key,
          range_end: rangeEnd,
          start_revision: startRevision,
          progress_notify: progressNotify,
          prev_kv: prevKv,
          watch_id: watchId,
          fragment,
        },
        request_union: 'create_request',
      };
    }
  }
}
