import { EMPTY_BYTES } from '../base/index.ts';
import { checkTxn, isReadOnly, type OpResult, type TxnResult } from '../store/index.ts';
import type { Method, Service } from '../transport/index.ts';
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
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../wire/index.ts';
import type { CallContext } from './context.ts';
import { heldMessage } from './held-message.ts';
import { rangeStreamMethod } from './range-stream.ts';
import { answer, forward, hotUnary, leaderUnary, type LeaderMethod } from './unary.ts';

/** Compares, success and failure each, and the same once more in nested transactions with what the limit leaves. */
const OPERATIONS_PER_OP_MAX = 8;

export const KV_PATH = '/etcdserverpb.KV/';

/** `etcdserverpb.KV`. */
export function kvService(context: CallContext): Service {
  const onLeader = (method: string): LeaderMethod => ({ node: context.node, path: KV_PATH + method });
  const range = hotUnary(decodeRangeRequest, (request, reply) => {
    const { store, headers } = context;
    store.range(
      request,
      answer(reply, ({ revision, kvs, more, count }) =>
        heldMessage(store, encodeRangeResponse({ header: headers.at(revision), kvs, more, count })),
      ),
    );
  });
  const put = leaderUnary(onLeader('Put'), decodePutRequest, (request, reply, requestBytes) => {
    const { store, headers } = context;
    store.put(
      request,
      requestBytes,
      answer(reply, ({ revision, prevKv }) => encodePutResponse({ header: headers.at(revision), prevKv })),
    );
  });
  const deleteRange = leaderUnary(
    onLeader('DeleteRange'),
    decodeDeleteRangeRequest,
    (request, reply, requestBytes) => {
      const { store, headers } = context;
      store.deleteRange(
        request,
        requestBytes,
        answer(reply, ({ revision, deleted, prevKvs }) =>
          heldMessage(store, encodeDeleteRangeResponse({ header: headers.at(revision), deleted, prevKvs })),
        ),
      );
    },
  );
  const compact = leaderUnary(onLeader('Compact'), decodeCompactionRequest, (request, reply) => {
    const { store, headers } = context;
    store.compact(
      request,
      answer(reply, ({ revision }) => encodeHeaderOnlyResponse(headers.at(revision))),
    );
  });
  return {
    name: 'etcdserverpb.KV',
    methods: {
      Range: range,
      RangeStream: rangeStreamMethod(context),
      Put: put,
      DeleteRange: deleteRange,
      Txn: txnMethod(context, onLeader('Txn')),
      Compact: compact,
    },
  };
}

/** A node that follows answers itself those that only read. */
function txnMethod(context: CallContext, leader: LeaderMethod): Method {
  const { node, txnOpsMax } = context;
  const operationsLimit = Math.max(operationsMax, txnOpsMax * OPERATIONS_PER_OP_MAX);
  const decode = (bytes: Uint8Array): TxnRequest => decodeTxnRequest(bytes, operationsLimit);
  return hotUnary(decode, (request, reply, bytes) => {
    if (!node.leads && !isRead(request, txnOpsMax)) {
      forward(leader, bytes, reply);
      return;
    }
    const { store, headers } = context;
    store.txn(
      request,
      bytes.length,
      answer(reply, (result) =>
        heldMessage(store, encodeTxnResponse(txnResponse(result, headers.at(result.revision)))),
      ),
    );
  });
}

/** What is wrong with a transaction is for the leader to say. */
function isRead(request: TxnRequest, txnOpsMax: number): boolean {
  return isReadOnly(request) && checkTxn(request, txnOpsMax) === undefined;
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
