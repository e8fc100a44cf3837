import { assert, type Bytes } from '../../base/index.ts';
import type { FieldPlan, MessagePlan } from './plan.ts';
import { highHalf, lowHalf, split } from './wide.ts';

type Message = Readonly<Record<string, unknown>>;

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * A message as bytes, in memory of its own. Zeros, and what is left out or undefined, are not written. Numbers that do
 * not fit their field are a bug of the caller: an AssertionError.
 */
export function encodeMessage(message: Message, plan: MessagePlan): Buffer {
  const lengths: number[] = [];
  const target = Buffer.allocUnsafe(messageSize(message, plan, lengths));
  new Encoder(target, lengths).finish(message, plan);
  return target;
}

/** @param lengths takes those of nested messages and packed fields, in the order in which they are written. */
function messageSize(message: Message, plan: MessagePlan, lengths: number[]): number {
  let size = 0;
  for (const field of plan.fields) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.isRepeated) size += repeatedSize(value as readonly unknown[], field, lengths);
    else if (isWritten(value, field)) size += varintSize(field.tag) + valueSize(value, field, lengths);
  }
  return size;
}

/** A message that is there is written also if it is empty. */
function isWritten(value: unknown, field: FieldPlan): boolean {
  switch (field.kind) {
    case 'number':
      return value !== 0;
    case 'bool':
      return value !== false;
    case 'uint64':
    case 'int64':
      return value !== 0n;
    case 'bytes':
    case 'string':
      return (value as Bytes | string).length > 0;
    case 'message':
      return true;
  }
}

function repeatedSize(values: readonly unknown[], field: FieldPlan, lengths: number[]): number {
  if (values.length === 0) return 0;
  const tagSize = varintSize(field.tag);
  let size = field.isPackable ? 0 : values.length * tagSize;
  for (const value of values) size += valueSize(value, field, lengths);
  if (!field.isPackable) return size;
  lengths.push(size);
  return tagSize + varintSize(size) + size;
}

/** With its length before it, where it has one. */
function valueSize(value: unknown, field: FieldPlan, lengths: number[]): number {
  switch (field.kind) {
    case 'number':
      return varintSize(value as number);
    case 'bool':
      return 1;
    case 'uint64':
    case 'int64':
      return wideSize(value as bigint, field);
    case 'bytes':
      return withLength((value as Bytes).length);
    case 'string':
      return withLength(Buffer.byteLength(value as string));
    case 'message': {
      const place = lengths.push(0) - 1;
      const length = messageSize(value as Message, planIn(field), lengths);
      lengths[place] = length;
      return withLength(length);
    }
  }
}

function withLength(length: number): number {
  return varintSize(length) + length;
}

function planIn(field: FieldPlan): MessagePlan {
  assert(field.plan !== undefined, 'a field that holds a message has its plan');
  return field.plan;
}

function varintSize(value: number): number {
  assert(value >= 0 && value <= 0xffffffff, 'a small number has 32 bits and no sign');
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

function wideSize(value: bigint, field: FieldPlan): number {
  if (field.kind === 'int64') assert(value >= INT64_MIN && value <= INT64_MAX, 'an int64 has 64 bits');
  else assert(value >= 0n && value <= UINT64_MAX, 'a uint64 has 64 bits and no sign');
  split(value);
  const high = highHalf();
  if (high === 0) return varintSize(lowHalf());
  return Math.ceil((64 - Math.clz32(high)) / 7);
}

/** Writes what was counted: `target` is as long as the message. */
class Encoder {
  readonly #target: Buffer;
  readonly #lengths: readonly number[];
  #nextLength = 0;
  #at = 0;

  constructor(target: Buffer, lengths: readonly number[]) {
    this.#target = target;
    this.#lengths = lengths;
  }

  finish(message: Message, plan: MessagePlan): void {
    this.#message(message, plan);
    assert(this.#at === this.#target.length, 'a message is as long as it was counted');
  }

  #message(message: Message, plan: MessagePlan): void {
    for (const field of plan.fields) {
      const value = message[field.name];
      if (value === undefined) continue;
      if (field.isRepeated) this.#repeated(value as readonly unknown[], field);
      else if (isWritten(value, field)) {
        this.#varint(field.tag);
        this.#value(value, field);
      }
    }
  }

  #repeated(values: readonly unknown[], field: FieldPlan): void {
    if (values.length === 0) return;
    if (field.isPackable) {
      this.#varint(field.tag);
      this.#varint(this.#lengths[this.#nextLength++]!);
    }
    for (const value of values) {
      if (!field.isPackable) this.#varint(field.tag);
      this.#value(value, field);
    }
  }

  #value(value: unknown, field: FieldPlan): void {
    switch (field.kind) {
      case 'number':
        return this.#varint(value as number);
      case 'bool':
        return this.#varint(value === true ? 1 : 0);
      case 'uint64':
      case 'int64':
        return this.#wide(value as bigint);
      case 'bytes':
        this.#varint((value as Bytes).length);
        this.#target.set(value as Bytes, this.#at);
        this.#at += (value as Bytes).length;
        return;
      case 'string':
        this.#varint(Buffer.byteLength(value as string));
        this.#at += this.#target.write(value as string, this.#at);
        return;
      case 'message':
        this.#varint(this.#lengths[this.#nextLength++]!);
        return this.#message(value as Message, planIn(field));
    }
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#target[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#target[this.#at++] = rest;
  }

  #wide(value: bigint): void {
    split(value);
    let low = lowHalf();
    let high = highHalf();
    while (high !== 0) {
      this.#target[this.#at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#varint(low);
  }
}
