import type { Chunk } from './chunk.ts';
import { CHUNK_HEADER_LENGTH } from './chunk.ts';
import { damaged } from './errors.ts';
import { varintSize, writeVarint } from './numbers.ts';
import { ENTRY_KIND_MAX, EntryKind } from './records.ts';

/**
 * An entry: `kind u8, flags u8 (0 in this format), varint sequence - the chunk's first, varint revision (0: takes none),
 * varint sub-revision, varint length, body`.
 */
export function entryHeaderSize(
  sequenceOffset: number,
  revision: number,
  sub: number,
  bodyLength: number,
): number {
  return 2 + varintSize(sequenceOffset) + varintSize(revision) + varintSize(sub) + varintSize(bodyLength);
}

/** Writes all of an entry but its body at `at`, and returns where the body begins. */
export function writeEntryHeader(
  bytes: Uint8Array,
  at: number,
  kind: number,
  sequenceOffset: number,
  revision: number,
  sub: number,
  bodyLength: number,
): number {
  bytes[at] = kind;
  bytes[at + 1] = 0;
  let position = writeVarint(bytes, sequenceOffset, at + 2);
  position = writeVarint(bytes, revision, position);
  position = writeVarint(bytes, sub, position);
  return writeVarint(bytes, bodyLength, position);
}

/** The entries of one chunk as columns, so that reading a log makes no object per entry. Reused chunk after chunk. */
export class EntryColumns {
  count = 0;
  kinds = new Uint8Array(64);
  /** Absolute, not relative to the chunk. */
  sequences = new Float64Array(64);
  revisions = new Float64Array(64);
  subs = new Uint32Array(64);
  /** Where the entry begins; one more than there are entries, the last one is the end of the chunk. */
  starts = new Uint32Array(65);
  bodyOffsets = new Uint32Array(64);
  bodyLengths = new Uint32Array(64);
  #position = 0;

  /** Takes the entries of `chunk`, whose checksum has been verified. Throws LogError `log-damaged`. */
  parse(chunk: Chunk): void {
    const { bytes, header, position } = chunk;
    const { entryCount, first, last } = header;
    const end = bytes.length;
    // Six bytes are the least that an entry takes.
    if (entryCount * 6 > header.entriesLength) throw damaged(position, `${entryCount} entries do not fit`);
    this.#grow(entryCount);
    this.#position = CHUNK_HEADER_LENGTH;
    let sequence = first;
    for (let i = 0; i < entryCount; i++) {
      const start = this.#position;
      if (start + 6 > end) throw damaged(position, `entry ${i} is cut off`);
      const kind = bytes[start]!;
      if (kind === 0 || kind > ENTRY_KIND_MAX)
        throw damaged(position, `entry ${i} is of the unknown kind ${kind}`);
      this.#position = start + 2;
      const at = first + this.#varint(bytes);
      if (at < sequence || at > last) throw damaged(position, `entry ${i} has sequence ${at}`);
      sequence = at;
      this.starts[i] = start;
      this.kinds[i] = kind;
      this.sequences[i] = at;
      const revision = this.#varint(bytes);
      if (revision > 0 !== kind <= EntryKind.delete)
        throw damaged(position, `entry ${i} has revision ${revision}`);
      this.revisions[i] = revision;
      this.subs[i] = this.#varint(bytes);
      const length = this.#varint(bytes);
      this.bodyOffsets[i] = this.#position;
      this.bodyLengths[i] = length;
      this.#position += length;
      if (!(this.#position <= end)) throw damaged(position, `entry ${i} is cut off`);
    }
    if (this.#position !== end) throw damaged(position, `${end - this.#position} bytes follow its entries`);
    this.starts[entryCount] = end;
    this.count = entryCount;
  }

  /** Behind the end of the chunk bytes read as zero, and the bounds are checked after. */
  #varint(bytes: Uint8Array): number {
    let at = this.#position;
    let byte = bytes[at++]!;
    if (byte < 0x80) {
      this.#position = at;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80 && scale < 0x80 ** 8);
    this.#position = at;
    return value;
  }

  #grow(count: number): void {
    if (count <= this.kinds.length) return;
    const length = Math.max(count, this.kinds.length * 2);
    this.kinds = new Uint8Array(length);
    this.sequences = new Float64Array(length);
    this.revisions = new Float64Array(length);
    this.subs = new Uint32Array(length);
    this.starts = new Uint32Array(length + 1);
    this.bodyOffsets = new Uint32Array(length);
    this.bodyLengths = new Uint32Array(length);
  }
}

/** Whether the entry takes something away that older entries put there. */
export function isRemoval(kind: number, body: Uint8Array, bodyOffset: number): boolean {
  if (kind === EntryKind.delete || kind === EntryKind.revoke) return true;
  return kind === EntryKind.alarm && body[bodyOffset + 12] === 0;
}
