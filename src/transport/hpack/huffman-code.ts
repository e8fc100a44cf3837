/**
 * The Huffman code of header strings (RFC 7541, appendix B). It is canonical: codes of one length are consecutive
 * numbers in the order of their symbols, and each length goes on where the shorter one ended. So the lengths are all
 * that has to be written down.
 */

/** The end-of-string symbol: its code is thirty ones, whose beginning pads the last octet. */
export const END_OF_STRING = 256;

/** Length in bits of the code of each octet, sixteen octets a row, and of the end of the string. */
const lengths = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  [28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  [24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  [21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  [19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  [30],
].flat();

/** Length in bits of each symbol's code. */
export const codeLengths: Readonly<Uint8Array> = Uint8Array.from(lengths);

/** Each symbol's code, in the lowest bits. */
export const codes: Readonly<Uint32Array> = canonicalCodes(codeLengths);

function canonicalCodes(bits: Readonly<Uint8Array>): Uint32Array {
  const symbols = Array.from(bits, (_, symbol) => symbol);
  symbols.sort((a, b) => bits[a]! - bits[b]! || a - b);
  const result = new Uint32Array(bits.length);
  let next = 0;
  let length = 0;
  for (const symbol of symbols) {
    // A shift of 32-bit integers is enough: the longest code has 30 bits.
    next <<= bits[symbol]! - length;
    length = bits[symbol]!;
    result[symbol] = next++;
  }
  return result;
}
