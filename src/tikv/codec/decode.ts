import { TikvError } from '../errors.ts';
import { WireType, type FieldPlan, type MessagePlan } from './plan.ts';
import { joinSigned, joinUnsigned } from './wide.ts';

type Message = Record<string, unknown>;

/** Longer varints are malformed. */
const VARINT_BYTES_MAX = 10;

/** The bytes as a message; bytes fields are views into `bytes`. Throws TikvError `protocol` if they are none. */
export function decodeMessage(bytes: Buffer, plan: MessagePlan): Message {
  return new Decoder(bytes, plan.name).message(plan, bytes.length, undefined);
}

class Decoder {
  readonly #bytes: Buffer;
  readonly #name: string;
  #at = 0;
  /** The halves of the varint that was read last. */
  #low = 0;
  #high = 0;

  constructor(bytes: Buffer, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  /** Reads up to `end`. @param known what an earlier field of the same number left: the new one is merged into it. */
  message(plan: MessagePlan, end: number, known: Message | undefined): Message {
    const message = known ?? { ...plan.empty };
    while (this.#at < end) {
      this.#varint(end);
      const tag = this.#low;
      const field = plan.byNumber[tag >>> 3];
      if (field === undefined) this.#skip(tag & 7, end);
      else if (field.isRepeated) this.#repeated(message, field, tag & 7, end);
      else {
        this.#expect(field, tag & 7);
        message[field.name] = this.#value(field, end, message[field.name] as Message | undefined);
      }
    }
    return message;
  }

  // eslint-disable-next-line max-params -- once per repeated field, of which an answer may have thousands
  #repeated(message: Message, field: FieldPlan, wireType: number, end: number): void {
    let values = message[field.name] as unknown[];
    if (values.length === 0) message[field.name] = values = [];
    if (field.isPackable && wireType === WireType.Bytes) {
      const packedEnd = this.#length(end) + this.#at;
      while (this.#at < packedEnd) values.push(this.#value(field, packedEnd, undefined));
      return;
    }
    this.#expect(field, wireType);
    values.push(this.#value(field, end, undefined));
  }

  #expect(field: FieldPlan, wireType: number): void {
    const wanted = field.isPackable ? WireType.Varint : WireType.Bytes;
    if (wireType !== wanted) this.#malformed(`${field.name} has wire type ${wireType}`);
  }

  #value(field: FieldPlan, end: number, known: Message | undefined): unknown {
    if (field.isPackable) {
      this.#varint(end);
      if (field.kind === 'number') return this.#low;
      if (field.kind === 'bool') return this.#low !== 0 || this.#high !== 0;
      return field.kind === 'uint64'
        ? joinUnsigned(this.#low, this.#high)
        : joinSigned(this.#low, this.#high);
    }
    const length = this.#length(end);
    const start = this.#at;
    if (field.plan !== undefined) return this.message(field.plan, start + length, known);
    this.#at = start + length;
    return field.kind === 'bytes'
      ? this.#bytes.subarray(start, this.#at)
      : this.#bytes.toString('utf8', start, this.#at);
  }

  #length(end: number): number {
    this.#varint(end);
    if (this.#high !== 0 || this.#low > end - this.#at) this.#malformed('a field goes beyond the end');
    return this.#low;
  }

  #varint(end: number): void {
    const bytes = this.#bytes;
    const first = this.#at < end ? bytes[this.#at]! : 0x80;
    if (first < 0x80) {
      this.#at += 1;
      this.#low = first;
      this.#high = 0;
      return;
    }
    let low = 0;
    let high = 0;
    const last = Math.min(end, this.#at + VARINT_BYTES_MAX);
    for (let shift = 0; this.#at < last; shift += 7) {
      const byte = bytes[this.#at++]!;
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >>> 4;
      } else high |= part << (shift - 32);
      if (byte >= 0x80) continue;
      this.#low = low >>> 0;
      this.#high = high >>> 0;
      return;
    }
    this.#malformed('a number has no end');
  }

  #skip(wireType: number, end: number): void {
    if (wireType === WireType.Varint) this.#varint(end);
    else if (wireType === WireType.Bytes) {
      const length = this.#length(end);
      this.#at += length;
    } else if (wireType === WireType.Fixed64) this.#at += 8;
    else if (wireType === WireType.Fixed32) this.#at += 4;
    else this.#malformed(`wire type ${wireType}`);
    if (this.#at > end) this.#malformed('a field goes beyond the end');
  }

  #malformed(detail: string): never {
    throw new TikvError('protocol', `Cannot read ${this.#name}: ${detail} at byte ${this.#at}`);
  }
}
