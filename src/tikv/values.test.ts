import { expect, it } from 'vitest';
import { valueCodec } from './values.ts';

it('tagged values are never empty, and come back as they were', () => {
  const codec = valueCodec('tagged');
  for (const value of [Buffer.alloc(0), Buffer.of(0), Buffer.of(1, 255)]) {
    const stored = codec.toStore(value);
    expect(stored.length).toBeGreaterThan(0);
    expect(codec.fromStore(stored)).toEqual(value);
  }
});

it('a value of another program is not taken for ours', () => {
  expect(() => valueCodec('tagged').fromStore(Buffer.from('x'))).toThrow(/another program/);
});

it('plain values are stored as they are, but for empty ones', () => {
  const codec = valueCodec('plain');
  expect(codec.toStore(Uint8Array.of(7))).toEqual(Buffer.of(7));
  expect(codec.fromStore(Buffer.of(7))).toEqual(Buffer.of(7));
  expect(() => codec.toStore(Buffer.alloc(0))).toThrow(/empty/);
});

it('what is no bytes is refused', () => {
  for (const format of ['tagged', 'plain'] as const)
    expect(() => valueCodec(format).toStore('text' as unknown as Uint8Array)).toThrow(/Uint8Array/);
});
