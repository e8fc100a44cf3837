import { describe, expect, it } from 'vitest';
import { Keyspace } from '../keyspace.ts';
import { Op } from '../messages.ts';
import { valueCodec } from '../values.ts';
import type { Mutation } from './mutation.ts';
import { prepareTxn, TXN_BYTES_MAX } from './prepare.ts';

const codec = { keyspace: new Keyspace(Buffer.from('p/')), values: valueCodec('tagged') };
const key = (text: string): Buffer => Buffer.from(text);
const put = (text: string, value = 'v'): Mutation => ({ op: 'put', key: key(text), value: key(value) });

describe('prepareTxn', () => {
  it('sorts, prefixes and tags', () => {
    const txn = prepareTxn([put('b', ''), { op: 'delete', key: key('a') }], codec);
    expect(txn.mutations).toEqual([
      { op: Op.Del, key: key('p/a'), value: Buffer.alloc(0) },
      { op: Op.Put, key: key('p/b'), value: Buffer.of(1) },
    ]);
    expect(txn.bytes).toBe(7);
  });

  it('never takes a key that is only checked for the primary, nor locks it', () => {
    const txn = prepareTxn(
      [put('b'), { op: 'check-not-exists', key: key('a') }, { op: 'lock', key: key('c') }],
      codec,
    );
    expect(txn.primary).toEqual(key('p/b'));
    expect(txn.lockedKeys).toEqual([key('p/b'), key('p/c')]);
    expect(txn.mutations).toHaveLength(3);
  });

  it('takes the primary that was asked for', () => {
    expect(prepareTxn([put('a'), put('b')], codec, key('b')).primary).toEqual(key('p/b'));
    expect(() => prepareTxn([put('a')], codec, key('b'))).toThrow(/primary/);
  });

  it('refuses what makes no sense', () => {
    expect(() => prepareTxn([], codec)).toThrow(/nothing/);
    expect(() => prepareTxn([{ op: 'check-not-exists', key: key('a') }], codec)).toThrow(/nothing/);
    expect(() => prepareTxn([put('a'), put('a')], codec)).toThrow(/two mutations/);
    expect(() => prepareTxn([put('')], codec)).toThrow(/empty/);
    expect(() => prepareTxn([put('x'.repeat(8191))], codec)).toThrow(/8193 bytes/);
    expect(prepareTxn([put('x'.repeat(8190))], codec).lockedKeys[0]).toHaveLength(8192);
  });

  it('bounds the bytes of all', () => {
    const value = Buffer.alloc(TXN_BYTES_MAX / 2);
    const half = (text: string): Mutation => ({ op: 'put', key: key(text), value });
    expect(() => prepareTxn([half('a'), half('b')], codec)).toThrow(/too_large|limit/);
  });

  it('refuses empty values where nothing is put before them', () => {
    const plain = { keyspace: new Keyspace(), values: valueCodec('plain') };
    expect(() => prepareTxn([put('a', '')], plain)).toThrow(/empty value/);
    expect(prepareTxn([put('a', 'v')], plain).mutations[0]!.value).toEqual(key('v'));
  });
});
