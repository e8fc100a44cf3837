import { expect, test } from 'vitest';
import { HalfSipHash } from './half-sip-hash.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

test('depends on every byte, on the length and on the seed', () => {
  const hash = new HalfSipHash(0x03020100, 0x07060504);
  const seen = new Set<number>();
  for (let length = 0; length < 40; length++) {
    seen.add(hash.of(bytes(length), 0, length));
    seen.add(new HalfSipHash(1, length).of(bytes(8), 0, 8));
    for (let i = 0; i < length; i++) {
      const changed = bytes(length);
      changed[i] = changed[i]! ^ 0x80;
      seen.add(hash.of(changed, 0, length));
    }
  }
  expect(seen.size).toBe(40 + 40 + (40 * 39) / 2);
});

test('reads the bytes where they are', () => {
  const hash = new HalfSipHash(7, 9);
  for (let length = 0; length < 20; length++) {
    const shifted = new Uint8Array(length + 3);
    shifted.set(bytes(length), 3);
    expect(hash.of(shifted, 3, length)).toBe(hash.of(bytes(length), 0, length));
  }
});

test('spreads similar keys evenly over the leading and the trailing bits', () => {
  const hash = new HalfSipHash(123, 456);
  const leading = new Uint32Array(64);
  const trailing = new Uint32Array(64);
  for (let n = 0; n < 64_000; n++) {
    const key = Buffer.from(`/registry/pods/default/pod-${n}`);
    const h = hash.of(key, 0, key.length);
    leading[h >>> 26] = leading[h >>> 26]! + 1;
    trailing[h & 63] = trailing[h & 63]! + 1;
  }
  for (const count of [...leading, ...trailing]) expect(Math.abs(count - 1000)).toBeLessThan(200);
});
