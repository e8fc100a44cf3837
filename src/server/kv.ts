import { EMPTY_BYTES } from '../base/index.ts';
import type { OpResult, TxnResult } from '../store/index.ts';
import type { Message, Service } from '../transport/index.ts';
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  encodeDeleteRangeResponse,
  encodeHeaderOnlyResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  operationsMax,
  type LongMessage,
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { heldMessage } from './held-message.ts';
import { rangeStreamMethod } from './range-stream.ts';
import { answer, hotUnary } from './unary.ts';

/** Compares, success and failure each, and the same once more in nested transactions with what the limit leaves. */
const OPERATIONS_PER_OP_MAX = 8;

/** `etcdserverpb.KV`. */
export function kvService(context: ServerContext): Service {
  const { store, headers } = context;
  const held = (message: Buffer | LongMessage): Message => heldMessage(store, message);
  const operationsLimit = Math.max(operationsMax, context.txnOpsMax * OPERATIONS_PER_OP_MAX);
  const range = hotUnary(decodeRangeRequest, (request, reply) =>
    store.range(
      request,
      answer(reply, ({ revision, kvs, more, count }) =>
        held(encodeRangeResponse({ header: headers.at(revision), kvs, more, count })),
      ),
    ),
  );
  const put = hotUnary(decodePutRequest, (request, reply, requestBytes) =>
    store.put(
      request,
      requestBytes,
      answer(reply, ({ revision, prevKv }) => encodePutResponse({ header: headers.at(revision), prevKv })),
    ),
  );
  const deleteRange = hotUnary(decodeDeleteRangeRequest, (request, reply, requestBytes) =>
    store.deleteRange(
      request,
      requestBytes,
      answer(reply, ({ revision, deleted, prevKvs }) =>
        held(encodeDeleteRangeResponse({ header: headers.at(revision), deleted, prevKvs })),
      ),
    ),
  );
  const decodeTxn = (bytes: Uint8Array): TxnRequest => decodeTxnRequest(bytes, operationsLimit);
  const txn = hotUnary(decodeTxn, (request, reply, requestBytes) =>
    store.txn(
      request,
      requestBytes,
      answer(reply, (result) => held(encodeTxnResponse(txnResponse(result, headers.at(result.revision))))),
    ),
  );
  const compact = hotUnary(decodeCompactionRequest, (request, reply) =>
    store.compact(
      request,
      answer(reply, ({ revision }) => encodeHeaderOnlyResponse(headers.at(revision))),
    ),
  );
  return {
    name: 'etcdserverpb.KV',
    methods: {
      Range: range,
      RangeStream: rangeStreamMethod(context),
      Put: put,
      DeleteRange: deleteRange,
      Txn: txn,
      Compact: compact,
    },
  };
}

function txnResponse(result: TxnResult, header: ResponseHeader): TxnResponse {
  return { header, succeeded: result.succeeded, responses: result.responses.map(responseOp) };
}

/** Headers inside a transaction carry only the revision (etcd-v3.md B.1). */
function innerHeader(revision: number): ResponseHeader {
  return { identity: EMPTY_BYTES, revision, raftTerm: 0 };
}

function responseOp(op: OpResult): ResponseOp {
  switch (op.kind) {
    case 'range': {
      const { revision, kvs, more, count } = op.result;
      return { kind: 'range', response: { header: innerHeader(revision), kvs, more, count } };
    }
    case 'put': {
      const { revision, prevKv } = op.result;
      return { kind: 'put', response: { header: innerHeader(revision), prevKv } };
    }
    case 'deleteRange': {
      const { revision, deleted, prevKvs } = op.result;
      return { kind: 'deleteRange', response: { header: innerHeader(revision), deleted, prevKvs } };
    }
    case 'txn':
      return { kind: 'txn', response: txnResponse(op.result, innerHeader(op.result.revision)) };
  }
}
