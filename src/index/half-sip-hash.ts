/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): a keyed 32-bit hash for tables, made of 32-bit operations. Without the seed
 * nobody can choose keys that collide, which the usual multiply-and-shift hashes do not hold against.
 */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** Two 32-bit numbers. */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** Unsigned 32 bits. */
  of(bytes: Uint8Array, start: number, length: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ this.#k0;
    let v3 = 0x74656462 ^ this.#k1;
    const words = length >>> 2;
    // One word per turn, then the tail with the length, then three turns without a word.
    for (let turn = 0; turn < words + 4; turn++) {
      let word = 0;
      const at = start + turn * 4;
      if (turn < words) {
        word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      } else if (turn === words) {
        word = length << 24;
        const rest = length & 3;
        if (rest > 2) word |= bytes[at + 2]! << 16;
        if (rest > 1) word |= bytes[at + 1]! << 8;
        if (rest > 0) word |= bytes[at]!;
      } else if (turn === words + 1) {
        v2 ^= 0xff;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return (v1 ^ v3) >>> 0;
  }
}
