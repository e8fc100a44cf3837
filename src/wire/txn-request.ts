import { EMPTY_BYTES } from '../base/index.ts';
import { readDeleteRangeRequest } from './delete-range.ts';
import { WireError } from './errors.ts';
import type { Compare, RequestOp, TxnRequest } from './messages.ts';
import { readPutRequest } from './put.ts';
import { readRangeRequest } from './range.ts';
import { Reader } from './reader.ts';

/** `KV.Txn`, as it comes in. */

/**
 * Transactions inside one another, at most. etcd's limit of 128 operations, of which every level takes one, ends valid
 * nesting before that.
 */
export const txnDepthMax = 160;
/** Compares and operations in one transaction, those nested in it included, unless the caller says otherwise. */
export const operationsMax = 16_384;

const COMPARE = 0x0a;
const SUCCESS = 0x12;
const FAILURE = 0x1a;

const REQUEST_RANGE = 0x0a;
const REQUEST_PUT = 0x12;
const REQUEST_DELETE_RANGE = 0x1a;
const REQUEST_TXN = 0x22;

const RESULT = 0x08;
const TARGET = 0x10;
const COMPARE_KEY = 0x1a;
const VERSION = 0x20;
const CREATE_REVISION = 0x28;
const MOD_REVISION = 0x30;
const VALUE = 0x3a;
const LEASE = 0x40;
const COMPARE_RANGE_END = 0x202;

const NO_OPERATION: RequestOp = Object.freeze({ kind: 'none' });
const NO_OPERAND: Compare['operand'] = Object.freeze({ kind: 'none' });

interface Budget {
  operations: number;
}

/** Throws WireError. The request's bytes are views. */
export function decodeTxnRequest(bytes: Uint8Array, operationsLimit = operationsMax): TxnRequest {
  return readTxnRequest(new Reader(bytes), { operations: operationsLimit }, 1, emptyTxnRequest());
}

function emptyTxnRequest(): TxnRequest {
  return { compare: [], success: [], failure: [] };
}

function readTxnRequest(reader: Reader, budget: Budget, depth: number, request: TxnRequest): TxnRequest {
  if (depth > txnDepthMax)
    throw new WireError('nestedTooDeep', reader.position, 'transactions nested too deep');
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case COMPARE:
        request.compare.push(readCompare(reader, budget));
        break;
      case SUCCESS:
        request.success.push(readRequestOp(reader, budget, depth));
        break;
      case FAILURE:
        request.failure.push(readRequestOp(reader, budget, depth));
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function spend(reader: Reader, budget: Budget): void {
  if (--budget.operations < 0) {
    throw new WireError('tooManyOperations', reader.position, 'too many operations in transaction');
  }
}

function readRequestOp(reader: Reader, budget: Budget, depth: number): RequestOp {
  spend(reader, budget);
  const outerEnd = reader.enter();
  let op = NO_OPERATION;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag !== REQUEST_RANGE && tag !== REQUEST_PUT && tag !== REQUEST_DELETE_RANGE && tag !== REQUEST_TXN) {
      reader.skip(tag);
      continue;
    }
    // A second member in one operation is merged with the first one or replaces it, but is paid for: it was decoded.
    if (op !== NO_OPERATION) spend(reader, budget);
    const opEnd = reader.enter();
    op = readOperation(reader, tag, { before: op, budget, depth });
    reader.leave(opEnd);
  }
  reader.leave(outerEnd);
  return op;
}

interface OperationPlace {
  /** The operation as it has been read so far. */
  readonly before: RequestOp;
  readonly budget: Budget;
  readonly depth: number;
}

function readOperation(reader: Reader, tag: number, { before, budget, depth }: OperationPlace): RequestOp {
  switch (tag) {
    case REQUEST_RANGE: {
      const request = readRangeRequest(reader, before.kind === 'range' ? before.request : undefined);
      return { kind: 'range', request };
    }
    case REQUEST_PUT: {
      const request = readPutRequest(reader, before.kind === 'put' ? before.request : undefined);
      return { kind: 'put', request };
    }
    case REQUEST_DELETE_RANGE: {
      const into = before.kind === 'deleteRange' ? before.request : undefined;
      return { kind: 'deleteRange', request: readDeleteRangeRequest(reader, into) };
    }
    default: {
      const into = before.kind === 'txn' ? before.request : emptyTxnRequest();
      return { kind: 'txn', request: readTxnRequest(reader, budget, depth + 1, into) };
    }
  }
}

function readCompare(reader: Reader, budget: Budget): Compare {
  spend(reader, budget);
  const outerEnd = reader.enter();
  const compare: Compare = {
    result: 0,
    target: 0,
    key: EMPTY_BYTES,
    rangeEnd: EMPTY_BYTES,
    operand: NO_OPERAND,
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case RESULT:
        compare.result = reader.enumeration();
        break;
      case TARGET:
        compare.target = reader.enumeration();
        break;
      case COMPARE_KEY:
        compare.key = reader.view();
        break;
      case VERSION:
        compare.operand = { kind: 'version', value: reader.int64() };
        break;
      case CREATE_REVISION:
        compare.operand = { kind: 'createRevision', value: reader.int64() };
        break;
      case MOD_REVISION:
        compare.operand = { kind: 'modRevision', value: reader.int64() };
        break;
      case VALUE:
        compare.operand = { kind: 'value', value: reader.view() };
        break;
      case LEASE:
        compare.operand = { kind: 'lease', value: reader.bigInt64() };
        break;
      case COMPARE_RANGE_END:
        compare.rangeEnd = reader.view();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outerEnd);
  return compare;
}
