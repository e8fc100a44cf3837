import { WireError } from './errors.ts';

/** Groups inside one another in an unknown field, at most: as many as Go's decoder takes. */
export const groupDepthMax = 10_000;

export const WireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

const FIELD_NUMBER_MAX = 0x1fffffff;
const TWO_POW_32 = 0x100000000;

/**
 * A cursor over one protobuf message. A message is malformed where Go's decoders find it malformed; every fault is a
 * `WireError`, no read leaves `end`, and nothing is allocated in proportion to a length that has not been checked.
 *
 * Unknown fields are skipped, unknown groups too, and so is a known field of another wire type than its own (as in etcd
 * 3.7; up to 3.6 that was an error). Of a field that comes twice the last one wins. Messages that come twice are merged,
 * and so are those of a oneof when both are the same member of it.
 */
export class Reader {
  readonly bytes: Uint8Array;
  position: number;
  end: number;
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.position = 0;
    this.end = bytes.length;
  }

  /** The next tag, `field number << 3 | wire type`. Only valid while `position < end`. */
  tag(): number {
    const start = this.position;
    const first = this.bytes[start]!;
    if (first >= 8 && first < 0x80) {
      this.position = start + 1;
      return first;
    }
    this.#varint();
    const tag = this.#low >>> 0;
    if (this.#high !== 0 || tag >>> 3 === 0 || tag >>> 3 > FIELD_NUMBER_MAX) {
      throw new WireError('invalidTag', start, 'invalid field number');
    }
    return tag;
  }

  /** An int64 as a number; beyond +/- (2^53 - 1) it saturates there. */
  int64(): number {
    if (this.position < this.end) {
      const first = this.bytes[this.position]!;
      if (first < 0x80) {
        this.position++;
        return first;
      }
    }
    this.#varint();
    const value = this.#high * TWO_POW_32 + (this.#low >>> 0);
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
    return value < -Number.MAX_SAFE_INTEGER ? -Number.MAX_SAFE_INTEGER : value;
  }

  /** An int64, all 64 bits of it. */
  bigInt64(): bigint {
    this.#varint();
    if (this.#high === 0) return this.#low === 0 ? 0n : BigInt(this.#low >>> 0);
    return (BigInt(this.#high) << 32n) | BigInt(this.#low >>> 0);
  }

  /** An enumeration: the low 32 bits, signed, as Go reads them. */
  enumeration(): number {
    this.#varint();
    return this.#low;
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** The length of a bytes field or nested message, checked to lie inside this one. */
  length(): number {
    const start = this.position;
    const length = this.int64();
    if (length < 0 || length > this.end - this.position) {
      throw new WireError('lengthExceeded', start, 'length reaches beyond the message');
    }
    return length;
  }

  /** A view of a bytes field: no copy. */
  view(): Uint8Array {
    const length = this.length();
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /**
   * Narrows the reader to the nested message whose length comes next. Returns the old `end`, for `leave`.
   */
  enter(): number {
    const outerEnd = this.end;
    const length = this.length();
    this.end = this.position + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.end = outerEnd;
  }

  /** Skips a field whose tag the caller does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.#varint();
        return;
      case WireType.fixed64:
        this.#advance(8);
        return;
      case WireType.bytes:
        this.#advance(this.length());
        return;
      case WireType.groupStart:
        this.#skipGroup(tag);
        return;
      case WireType.fixed32:
        this.#advance(4);
        return;
      case WireType.groupEnd:
        throw new WireError('unbalancedGroup', this.position, 'end of a group that was not begun');
      default:
        throw new WireError('invalidTag', this.position, `invalid wire type ${tag & 7}`);
    }
  }

  /** Keeps the groups that are open in a list, because a message could hold more of them than the stack has room for. */
  #skipGroup(startTag: number): void {
    const open = [startTag >>> 3];
    while (this.position < this.end) {
      const tag = this.tag();
      if ((tag & 7) === WireType.groupStart) {
        if (open.length >= groupDepthMax)
          throw new WireError('groupsTooDeep', this.position, 'groups nested too deep');
        open.push(tag >>> 3);
      } else if ((tag & 7) !== WireType.groupEnd) {
        this.skip(tag);
      } else if (open.pop() !== tag >>> 3) {
        throw new WireError('unbalancedGroup', this.position, 'end of another group than the one begun');
      } else if (open.length === 0) {
        return;
      }
    }
    throw new WireError('truncated', this.position, 'message ends inside a group');
  }

  #advance(count: number): void {
    if (count > this.end - this.position) {
      throw new WireError('truncated', this.position, 'message ends inside a field');
    }
    this.position += count;
  }

  /** Reads a varint of up to 64 bits into two signed 32-bit halves. */
  #varint(): void {
    const { bytes, end } = this;
    const start = this.position;
    let position = start;
    let low = 0;
    let middle = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (position >= end) throw truncatedVarint(start);
      const byte = bytes[position++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#set(position, low, 0);
    }
    for (let shift = 0; shift < 28; shift += 7) {
      if (position >= end) throw truncatedVarint(start);
      const byte = bytes[position++]!;
      middle |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#set(position, low | (middle << 28), middle >>> 4);
    }
    if (position >= end) throw truncatedVarint(start);
    const ninth = bytes[position++]!;
    let top = ninth & 0x7f;
    if (ninth >= 0x80) {
      if (position >= end) throw truncatedVarint(start);
      const tenth = bytes[position++]!;
      if (tenth > 1) throw new WireError('overlongVarint', start, 'varint of more than 64 bits');
      top |= tenth << 7;
    }
    this.#set(position, low | (middle << 28), (middle >>> 4) | (top << 24));
  }

  #set(position: number, low: number, high: number): void {
    this.position = position;
    this.#low = low;
    this.#high = high;
  }
}

function truncatedVarint(position: number): WireError {
  return new WireError('truncated', position, 'message ends inside a varint');
}

/** The tag of a field, for `switch` statements over `Reader.tag()`. */
export function tagOf(fieldNumber: number, wireType: number): number {
  return (fieldNumber << 3) | wireType;
}
