import { deleteRangeRequestSize, writeDeleteRangeRequest } from './delete-range.ts';
import type { Compare, CompareOperand, RequestOp, TxnRequest } from './messages.ts';
import { putRequestSize, writePutRequest } from './put.ts';
import { rangeRequestSize, writeRangeRequest } from './range.ts';
import {
  bigVarintSize,
  bytesFieldSize,
  copyInto,
  int64FieldSize,
  messageFieldSize,
  varintSize,
  writeBigVarint,
  writeBytesField,
  writeFrame,
  writeInt64Field,
  writeVarint,
} from './writer.ts';

/** `KV.Txn`, as a client sends it: for load generators, tests and forwarding. Sizes of nested ones are computed anew. */

const COMPARE = 0x0a;
const SUCCESS = 0x12;
const FAILURE = 0x1a;

const operationTags = { range: 0x0a, put: 0x12, deleteRange: 0x1a, txn: 0x22 } as const;
const operandTags = {
  version: 0x20,
  createRevision: 0x28,
  modRevision: 0x30,
  value: 0x3a,
  lease: 0x40,
} as const;

const RESULT = 0x08;
const TARGET = 0x10;
const COMPARE_KEY = 0x1a;
/** Field 64 has a tag of two bytes. */
const RANGE_END_TAG_FIRST = 0x82;
const RANGE_END_TAG_SECOND = 0x04;

export function encodeTxnRequest(request: TxnRequest): Buffer {
  const target = Buffer.allocUnsafe(txnRequestSize(request));
  writeTxnRequest(target, 0, request);
  return target;
}

export function txnRequestSize(request: TxnRequest): number {
  let size = 0;
  for (const compare of request.compare) size += messageFieldSize(compareSize(compare));
  for (const op of request.success) size += messageFieldSize(operationSize(op));
  for (const op of request.failure) size += messageFieldSize(operationSize(op));
  return size;
}

export function writeTxnRequest(target: Uint8Array, offset: number, request: TxnRequest): number {
  let at = offset;
  for (const compare of request.compare) at = writeCompare(target, at, compare);
  for (const op of request.success) at = writeOperation(target, at, SUCCESS, op);
  for (const op of request.failure) at = writeOperation(target, at, FAILURE, op);
  return at;
}

function requestSize(op: Exclude<RequestOp, { kind: 'none' }>): number {
  switch (op.kind) {
    case 'range':
      return rangeRequestSize(op.request);
    case 'put':
      return putRequestSize(op.request);
    case 'deleteRange':
      return deleteRangeRequestSize(op.request);
    case 'txn':
      return txnRequestSize(op.request);
  }
}

function operationSize(op: RequestOp): number {
  return op.kind === 'none' ? 0 : messageFieldSize(requestSize(op));
}

function writeOperation(target: Uint8Array, offset: number, tag: number, op: RequestOp): number {
  let at = writeFrame(target, offset, tag, operationSize(op));
  if (op.kind === 'none') return at;
  at = writeFrame(target, at, operationTags[op.kind], requestSize(op));
  switch (op.kind) {
    case 'range':
      return writeRangeRequest(target, at, op.request);
    case 'put':
      return writePutRequest(target, at, op.request);
    case 'deleteRange':
      return writeDeleteRangeRequest(target, at, op.request);
    case 'txn':
      return writeTxnRequest(target, at, op.request);
  }
}

/** A member of a oneof is written even if it is zero or empty: that it is set is what it says. */
function operandSize(operand: CompareOperand): number {
  switch (operand.kind) {
    case 'none':
      return 0;
    case 'value':
      return messageFieldSize(operand.value.length);
    case 'lease':
      return 1 + bigVarintSize(operand.value);
    default:
      return 1 + varintSize(operand.value);
  }
}

function compareSize(compare: Compare): number {
  const rangeEndSize = bytesFieldSize(compare.rangeEnd.length);
  return (
    int64FieldSize(compare.result) +
    int64FieldSize(compare.target) +
    bytesFieldSize(compare.key.length) +
    operandSize(compare.operand) +
    (rangeEndSize === 0 ? 0 : rangeEndSize + 1)
  );
}

function writeCompare(target: Uint8Array, offset: number, compare: Compare): number {
  let at = writeFrame(target, offset, COMPARE, compareSize(compare));
  at = writeInt64Field(target, at, RESULT, compare.result);
  at = writeInt64Field(target, at, TARGET, compare.target);
  at = writeBytesField(target, at, COMPARE_KEY, compare.key);
  at = writeOperand(target, at, compare.operand);
  if (compare.rangeEnd.length === 0) return at;
  target[at] = RANGE_END_TAG_FIRST;
  at = writeFrame(target, at + 1, RANGE_END_TAG_SECOND, compare.rangeEnd.length);
  return copyInto(target, at, compare.rangeEnd, 0, compare.rangeEnd.length);
}

function writeOperand(target: Uint8Array, offset: number, operand: CompareOperand): number {
  if (operand.kind === 'none') return offset;
  const tag = operandTags[operand.kind];
  target[offset] = tag;
  switch (operand.kind) {
    case 'value': {
      const at = writeFrame(target, offset, tag, operand.value.length);
      return copyInto(target, at, operand.value, 0, operand.value.length);
    }
    case 'lease':
      return writeBigVarint(target, offset + 1, operand.value);
    default:
      return writeVarint(target, offset + 1, operand.value);
  }
}
