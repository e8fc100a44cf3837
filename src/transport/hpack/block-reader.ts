import { HpackError } from './errors.ts';
import { decodedBytesMax, huffmanDecode } from './huffman-decode.ts';

/**
 * Octets after its prefix that an integer may take. Four hold 2^28, more than any length or number that is of use here,
 * and RFC 7541, section 5.1, wants a limit on both.
 */
const CONTINUATION_OCTETS_MAX = 4;

/** Where strings are put together before they are strings; nothing stays in it from one call to the next. */
const scratch = Buffer.allocUnsafeSlow(4096);

/** Reads the primitive types of RFC 7541, section 5, from one block after the other. */
export class BlockReader {
  /** Position of the next octet. */
  at = 0;
  #bytes: Uint8Array = scratch;
  #end = 0;

  /** Goes on with a block; the reader borrows it until the next `open`. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** An integer whose prefix are the bits of `prefixMask` in the octet `first`, which has been read. */
  integer(first: number, prefixMask: number): number {
    const prefix = first & prefixMask;
    return prefix < prefixMask ? prefix : this.longInteger(prefixMask);
  }

  private longInteger(prefixMask: number): number {
    let value = prefixMask;
    for (let shift = 0; shift < 7 * CONTINUATION_OCTETS_MAX; shift += 7) {
      if (this.at >= this.#end) throw new HpackError('A header block ends inside of an integer');
      const octet = this.#bytes[this.at++]!;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    throw new HpackError('An integer in a header block is too long');
  }

  /** A string, with one character per octet. */
  string(): string {
    if (this.at >= this.#end) throw new HpackError('A header block ends before a string');
    const first = this.#bytes[this.at++]!;
    const length = this.integer(first, 0x7f);
    const start = this.at;
    if (length > this.#end - start) throw new HpackError('A header block ends inside of a string');
    this.at = start + length;
    return first < 0x80 ? this.plain(start, length) : this.huffman(start, length);
  }

  private plain(start: number, length: number): string {
    const target = length <= scratch.length ? scratch : Buffer.allocUnsafe(length);
    const bytes = this.#bytes;
    for (let at = 0; at < length; at++) target[at] = bytes[start + at]!;
    return target.toString('latin1', 0, length);
  }

  private huffman(start: number, length: number): string {
    const bytesMax = decodedBytesMax(length);
    const target = bytesMax <= scratch.length ? scratch : Buffer.allocUnsafe(bytesMax);
    const decoded = huffmanDecode(this.#bytes, start, start + length, target);
    if (decoded < 0) throw new HpackError('A string in a header block is not Huffman code');
    return target.toString('latin1', 0, decoded);
  }
}
