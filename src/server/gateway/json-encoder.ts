import { assert } from '../../base/index.ts';
import type { Message } from '../../transport/index.ts';
import type { FieldKind, FieldShape, MessageShape } from '../../wire/index.ts';
import { WireType } from '../../wire/reader.ts';
import { writeTail, writeTriple, writeTriples } from './base64-writer.ts';
import { SliceCursor } from './slice-cursor.ts';

/** Bytes of JSON made at a time. */
const CHUNK_BYTES = 64 * 1024;
/** How much longer JSON is than protobuf when there is little but small numbers in a message. */
const EXPANSION = 12;
/** Room that anything but a string or bytes takes at most: comma, name, brackets, twenty digits. */
const ITEM_BYTES_MAX = 256;

const COMMA = 0x2c;
const QUOTE = 0x22;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

/** A field as it is written. */
interface FieldPlan {
  readonly number: number;
  readonly kind: FieldKind;
  readonly isRepeated: boolean;
  /** A zero says something there: in lists and in oneofs. */
  readonly keepsZero: boolean;
  /** `"name":`. */
  readonly label: Uint8Array;
  readonly message: MessageShape | undefined;
  readonly values: FieldShape['values'];
}

type MessagePlan = readonly (FieldPlan | undefined)[];

const plans = new WeakMap<MessageShape, MessagePlan>();

/** The fields of a message by number. */
function planOf(shape: MessageShape): MessagePlan {
  let plan = plans.get(shape);
  if (plan === undefined) {
    const fields: (FieldPlan | undefined)[] = [];
    for (const { name, number, kind, isRepeated, oneof, message, values } of shape.fields) {
      const label = Buffer.from(`"${name}":`, 'latin1');
      const keepsZero = isRepeated || oneof !== undefined;
      fields[number] = { number, kind, isRepeated, keepsZero, label, message, values };
    }
    plan = fields;
    plans.set(shape, plan);
  }
  return plan;
}

/** A message that is being written. */
interface Frame {
  readonly plan: MessagePlan;
  /** Where the message ends. */
  readonly end: number;
  /** The field written last; 0 before the first. */
  last: number;
  /** The list of `last` is not closed yet. */
  isListOpen: boolean;
  /** The bytes are not a message but numbers of this field, one behind the other. */
  readonly packed: FieldPlan | undefined;
}

export interface JsonEncoderOptions {
  /** Goes before and behind the message. */
  readonly prefix?: string;
  readonly suffix?: string;
  /** What HTML gives a meaning to is escaped, as Go's encoding/json does (its protojson does not). */
  readonly escapesHtml?: boolean;
}

/**
 * Writes a protobuf message as JSON, in pieces, so that a list of any size takes no more memory than a piece and can be
 * interrupted after each. The rules are those of Go's protojson with `UseProtoNames`: zeros are absent, 64-bit numbers are
 * strings, bytes are base64, no space anywhere. The message is one of this program's own: fields in the order of their
 * numbers, which is the order in which they are written. It must not change until the last piece is made.
 */
export class JsonEncoder {
  readonly #cursor: SliceCursor;
  readonly #frames: Frame[] = [];
  readonly #escapesHtml: boolean;
  readonly #suffix: string;
  #target = Buffer.allocUnsafe(0);
  #at = 0;
  /** Bytes left of the bytes field being written, and up to two that wait for a third. */
  #bytesLeft = -1;
  readonly #carry: number[] = [];
  /** What is left of a text. */
  #text: Buffer;
  #isDone = false;

  constructor(shape: MessageShape, message: Message, options: JsonEncoderOptions = {}) {
    this.#cursor = new SliceCursor(message);
    this.#escapesHtml = options.escapesHtml ?? false;
    this.#suffix = options.suffix ?? '';
    this.#text = Buffer.from(`${options.prefix ?? ''}{`);
    this.#push(shape, this.#cursor.size);
  }

  /** No further piece is wanted. A message of which all has been given out is closed. */
  close(): void {
    this.#cursor.close();
  }

  /** The message is to be given up: see ByteSource. */
  get isOverdue(): boolean {
    return this.#cursor.isOverdue;
  }

  /** Whether all of it has been given out. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next piece, which the caller owns. Empty only when all has been given out. */
  next(): Buffer {
    if (this.#isDone) return EMPTY;
    this.#target = Buffer.allocUnsafe(
      Math.min(CHUNK_BYTES, this.#cursor.size * EXPANSION + 4 * ITEM_BYTES_MAX),
    );
    this.#at = 0;
    while (!this.#isDone && this.#target.length - this.#at >= ITEM_BYTES_MAX) {
      if (this.#text.length > 0) this.#drainText();
      else if (this.#bytesLeft >= 0) this.#drainBytes();
      else this.#step();
    }
    return this.#target.subarray(0, this.#at);
  }

  /** Writes one field, or what ends a message. */
  #step(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) {
      this.#isDone = true;
      this.close();
      return;
    }
    if (this.#cursor.position >= frame.end) {
      this.#closeFrame(frame);
      return;
    }
    if (frame.packed !== undefined) {
      if (frame.last > 0) this.#put(COMMA);
      frame.last = frame.packed.number;
      this.#scalar(frame.packed);
      return;
    }
    const tag = this.#cursor.small();
    const field = frame.plan[tag >>> 3];
    assert(field !== undefined, 'every field of an answer is in its proto file');
    if ((tag & 7) === WireType.varint) this.#varintField(frame, field);
    else this.#lengthField(frame, field);
  }

  #closeFrame(frame: Frame): void {
    assert(this.#cursor.position === frame.end, 'nested messages end where they said');
    this.#frames.pop();
    if (frame.packed !== undefined) return;
    if (frame.isListOpen) this.#put(BRACKET_CLOSE);
    this.#put(BRACE_CLOSE);
    if (this.#frames.length === 0) this.#text = Buffer.from(this.#suffix);
  }

  #varintField(frame: Frame, field: FieldPlan): void {
    if (field.keepsZero) {
      this.#item(frame, field);
      this.#scalar(field);
      return;
    }
    this.#cursor.varint();
    if (this.#cursor.isZero) return;
    this.#item(frame, field);
    this.#writeScalar(field);
  }

  #scalar(field: FieldPlan): void {
    this.#cursor.varint();
    this.#writeScalar(field);
  }

  #writeScalar({ kind, values }: FieldPlan): void {
    const cursor = this.#cursor;
    switch (kind) {
      case 'int64':
      case 'uint64':
        this.#put(QUOTE);
        this.#ascii(cursor.decimal(kind === 'int64'));
        this.#put(QUOTE);
        return;
      case 'bool':
        this.#ascii(cursor.isZero ? 'false' : 'true');
        return;
      case 'enum': {
        const name = values?.get(cursor.int32);
        this.#ascii(name === undefined ? String(cursor.int32) : `"${name}"`);
        return;
      }
      default:
        this.#ascii(String(kind === 'int32' ? cursor.int32 : cursor.uint32));
    }
  }

  #lengthField(frame: Frame, field: FieldPlan): void {
    const length = this.#cursor.small();
    const end = this.#cursor.position + length;
    switch (field.kind) {
      case 'message':
        this.#item(frame, field);
        assert(field.message !== undefined, 'a field of a message has its shape');
        this.#put(BRACE_OPEN);
        this.#push(field.message, end);
        return;
      case 'bytes':
        if (length === 0 && !field.keepsZero) return;
        this.#item(frame, field);
        this.#put(QUOTE);
        this.#bytesLeft = length;
        return;
      case 'string':
        if (length === 0 && !field.keepsZero) return;
        this.#item(frame, field);
        this.#text = Buffer.from(this.#quoted(this.#cursor.take(length).toString('utf8')));
        return;
      default:
        if (length === 0) return;
        this.#item(frame, field);
        this.#frames.push({ plan: frame.plan, end, last: 0, isListOpen: false, packed: field });
    }
  }

  /** What comes before a value: the comma, the name, the bracket of a list. */
  #item(frame: Frame, field: FieldPlan): void {
    if (frame.last === field.number) {
      assert(field.isRepeated, 'only a repeated field comes twice');
      this.#put(COMMA);
      return;
    }
    assert(frame.last < field.number, 'fields come in the order of their numbers');
    if (frame.isListOpen) this.#put(BRACKET_CLOSE);
    if (frame.last > 0) this.#put(COMMA);
    const { label } = field;
    for (let i = 0; i < label.length; i++) this.#target[this.#at++] = label[i]!;
    if (field.isRepeated) this.#put(BRACKET_OPEN);
    frame.last = field.number;
    frame.isListOpen = field.isRepeated;
  }

  #push(shape: MessageShape, end: number): void {
    this.#frames.push({ plan: planOf(shape), end, last: 0, isListOpen: false, packed: undefined });
  }

  #drainText(): void {
    const count = Math.min(this.#text.length, this.#target.length - this.#at);
    this.#text.copy(this.#target, this.#at, 0, count);
    this.#at += count;
    this.#text = this.#text.subarray(count);
  }

  /** Writes as much of a bytes field as is there and has room. */
  #drainBytes(): void {
    const cursor = this.#cursor;
    const carry = this.#carry;
    const available = Math.min(this.#bytesLeft, cursor.available());
    assert(available > 0 || this.#bytesLeft === 0, 'a message that is translated is whole');
    // Four characters of every three bytes, and four more with the quote for what is left.
    const room = (((this.#target.length - this.#at - 8) / 4) | 0) * 3;
    const count = carry.length > 0 ? 0 : Math.min(room, available - (available % 3));
    if (count > 0) {
      const source = { bytes: cursor.slice, offset: cursor.offset, count };
      this.#at = writeTriples(this.#target, this.#at, source);
      cursor.advance(count);
      this.#bytesLeft -= count;
      if (count === room) return;
    } else if (available > 0) {
      carry.push(cursor.byte());
      this.#bytesLeft--;
      if (carry.length === 3) {
        this.#at = writeTriple(this.#target, this.#at, carry[0]!, carry[1]!, carry[2]!);
        carry.length = 0;
      }
    }
    if (this.#bytesLeft > 0) return;
    if (carry.length > 0) this.#at = writeTail(this.#target, this.#at, carry);
    carry.length = 0;
    this.#put(QUOTE);
    this.#bytesLeft = -1;
  }

  #quoted(text: string): string {
    return quoteJson(text, this.#escapesHtml);
  }

  #put(code: number): void {
    this.#target[this.#at++] = code;
  }

  #ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#target[this.#at++] = text.charCodeAt(i);
  }
}

const EMPTY = Buffer.alloc(0);

const HTML = /[<>&\u2028\u2029]/g;

/** Text as a JSON string. */
export function quoteJson(text: string, escapesHtml: boolean): string {
  const quoted = JSON.stringify(text);
  if (!escapesHtml) return quoted;
  return quoted.replace(HTML, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
