import { codeLengths, codes } from './huffman-code.ts';

/** Octets that the Huffman code of a string takes. `text` has one character per octet. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++) bits += codeLengths[text.charCodeAt(at)]!;
  return Math.ceil(bits / 8);
}

/** Writes the Huffman code of `text` at `at` of `to`, padded with ones, and returns the position after it. */
export function huffmanEncode(text: string, to: Uint8Array, at: number): number {
  let position = at;
  /** Bits that do not fill an octet yet, fewer than eight. */
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    const code = codes[symbol]!;
    let left = codeLengths[symbol]!;
    while (left > 0) {
      const taken = Math.min(8 - pendingBits, left);
      left -= taken;
      pending = (pending << taken) | ((code >>> left) & ((1 << taken) - 1));
      pendingBits += taken;
      if (pendingBits < 8) continue;
      to[position++] = pending;
      pending = 0;
      pendingBits = 0;
    }
  }
  if (pendingBits > 0) to[position++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return position;
}
