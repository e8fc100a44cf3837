import { describe, expect, test } from 'vitest';
import {
  createRevision,
  decodeKeyValue,
  encodeKeyValue,
  keyLength,
  keyOffset,
  keysOnlyLength,
  keyView,
  lease,
  modRevision,
  tombstoneSize,
  valueLength,
  valueOffset,
  valueView,
  version,
  writeTombstone,
} from './key-value.ts';
import type { KeyValue } from './messages.ts';

const full: KeyValue = {
  key: Buffer.from('/registry/pods/default/a'),
  createRevision: 300,
  modRevision: 2 ** 40 + 5,
  version: 127,
  value: Buffer.alloc(200, 'v'),
  lease: 2n ** 62n + 1n,
};

const variants: KeyValue[] = [
  full,
  { ...full, lease: 0n },
  { ...full, value: Buffer.alloc(0) },
  { ...full, value: Buffer.alloc(0), lease: 0n },
  { ...full, key: Buffer.alloc(300, 'k'), value: Buffer.alloc(70_000, 'v') },
  { ...full, key: Buffer.alloc(0) },
  { ...full, createRevision: 0, version: 0, lease: -1n },
  { ...full, modRevision: Number.MAX_SAFE_INTEGER },
];

/** The key-value somewhere inside a larger buffer, as in a segment; the bytes around it would mislead a view. */
function place(kv: KeyValue): { bytes: Buffer; offset: number; length: number } {
  const body = encodeKeyValue(kv);
  const around = Buffer.from([0x0a, 0x30, 0x2a, 0xff]);
  return {
    bytes: Buffer.concat([around, body, Buffer.from([0x30, 1])]),
    offset: around.length,
    length: body.length,
  };
}

describe('views read in place what the encoder wrote', () => {
  test.each(variants)('variant %#', (kv) => {
    const { bytes, offset, length } = place(kv);
    expect(keyView(bytes, offset)).toEqual(kv.key);
    expect(keyLength(bytes, offset)).toBe(kv.key.length);
    const keyStart = keyOffset(bytes, offset);
    expect(bytes.subarray(keyStart, keyStart + kv.key.length)).toEqual(kv.key);
    expect(createRevision(bytes, offset, length)).toBe(kv.createRevision);
    expect(modRevision(bytes, offset, length)).toBe(kv.modRevision);
    expect(version(bytes, offset, length)).toBe(kv.version);
    expect(lease(bytes, offset, length)).toBe(kv.lease);
    expect(valueLength(bytes, offset, length)).toBe(kv.value.length);
    const valueStart = valueOffset(bytes, offset, length);
    expect(bytes.subarray(valueStart, valueStart + kv.value.length)).toEqual(kv.value);
    expect(valueView(bytes, offset, length)).toHaveLength(kv.value.length);
  });

  test.each(variants)('keys only: variant %#', (kv) => {
    const { bytes, offset, length } = place(kv);
    const shorter = keysOnlyLength(bytes, offset, length);
    const expected = { ...kv, value: Buffer.alloc(0), lease: 0n };
    expect(decodeKeyValue(bytes.subarray(offset, offset + shorter))).toEqual(expected);
  });
});

test('golden bytes: a put', () => {
  const body = encodeKeyValue({ ...full, key: Buffer.from('a'), value: Buffer.from('b'), lease: 0n });
  expect(body.toString('hex')).toBe('0a016110ac02188580808080' + '20' + '207f' + '2a0162');
});

test('golden bytes: a tombstone is key and revision', () => {
  const target = Buffer.alloc(tombstoneSize(1, 7));
  writeTombstone(target, 0, Buffer.from('a'), 7);
  expect(target.toString('hex')).toBe('0a01611807');
});
