import { assert } from '../base/index.ts';
import { appendDeleteRangeResponse, deleteRangeResponseSize } from './delete-range.ts';
import { headerFieldSize, writeHeaderField } from './header.ts';
import type { LongMessage } from './long-message.ts';
import { MessageWriter } from './message-writer.ts';
import type { ResponseOp, TxnResponse } from './messages.ts';
import { putResponseSize } from './put.ts';
import { appendRangeResponse, rangeResponseSize } from './range.ts';
import { boolFieldSize, messageFieldSize, writeBoolField } from './writer.ts';

/** `KV.Txn`, as it is answered. */

const SUCCEEDED = 0x10;
const RESPONSES = 0x1a;
const PUT_PREV_KV = 0x12;
const responseTags = { range: 0x0a, put: 0x12, deleteRange: 0x1a, txn: 0x22 } as const;

/** The response, at once or while it is sent: the runs must not change until then. */
export function encodeTxnResponse(response: TxnResponse): Buffer | LongMessage {
  const sizes: number[] = [];
  const writer = new MessageWriter(measureTxn(response, sizes));
  const written = appendTxn(writer, response, sizes, 0);
  assert(written === sizes.length, 'every measured response is written');
  return writer.finish();
}

/** Notes the size of every answer within, in the order in which they are written, so that each is measured once. */
function measureTxn(response: TxnResponse, sizes: number[]): number {
  let size = headerFieldSize(response.header) + boolFieldSize(response.succeeded);
  for (const op of response.responses) {
    const at = sizes.push(0) - 1;
    const inner = measureOp(op, sizes);
    sizes[at] = inner;
    size += messageFieldSize(messageFieldSize(inner));
  }
  return size;
}

function measureOp(op: ResponseOp, sizes: number[]): number {
  switch (op.kind) {
    case 'range':
      return rangeResponseSize(op.response);
    case 'put':
      return putResponseSize(op.response);
    case 'deleteRange':
      return deleteRangeResponseSize(op.response);
    case 'txn':
      return measureTxn(op.response, sizes);
  }
}

/** Returns how many of `sizes` are used up. */
function appendTxn(writer: MessageWriter, response: TxnResponse, sizes: number[], firstSize: number): number {
  writer.reserve(headerFieldSize(response.header) + boolFieldSize(response.succeeded));
  writer.offset = writeHeaderField(writer.target, writer.offset, response.header);
  writer.offset = writeBoolField(writer.target, writer.offset, SUCCEEDED, response.succeeded);
  let next = firstSize;
  for (const op of response.responses) {
    const size = sizes[next++]!;
    writer.frame(RESPONSES, messageFieldSize(size));
    writer.frame(responseTags[op.kind], size);
    next = appendOp(writer, op, sizes, next);
  }
  return next;
}

function appendOp(writer: MessageWriter, op: ResponseOp, sizes: number[], next: number): number {
  switch (op.kind) {
    case 'range':
      appendRangeResponse(writer, op.response);
      return next;
    case 'put':
      writer.reserve(headerFieldSize(op.response.header));
      writer.offset = writeHeaderField(writer.target, writer.offset, op.response.header);
      if (op.response.prevKv !== undefined) writer.body(PUT_PREV_KV, op.response.prevKv);
      return next;
    case 'deleteRange':
      appendDeleteRangeResponse(writer, op.response);
      return next;
    case 'txn':
      return appendTxn(writer, op.response, sizes, next);
  }
}
