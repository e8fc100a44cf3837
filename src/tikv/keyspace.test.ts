import { expect, it } from 'vitest';
import { Keyspace, STORED_KEY_BYTES_MAX } from './keyspace.ts';

const space = new Keyspace(Buffer.from('t/'));

it('keys get the prefix and lose it', () => {
  const stored = space.toStore(Buffer.from('key'));
  expect(stored.toString()).toBe('t/key');
  expect(space.fromStore(stored).toString()).toBe('key');
  expect(() => space.fromStore(Buffer.from('u/key'))).toThrow(/keyspace/);
});

it('the limit of a key counts the prefix', () => {
  expect(space.toStore(Buffer.alloc(STORED_KEY_BYTES_MAX - 2, 1))).toHaveLength(STORED_KEY_BYTES_MAX);
  expect(() => space.toStore(Buffer.alloc(STORED_KEY_BYTES_MAX - 1, 1))).toThrow(/limit/);
  expect(() => space.toStore(Buffer.alloc(0))).toThrow(/empty/);
});

it('a range without an end ends where the keyspace does', () => {
  const range = space.range(Buffer.alloc(0), undefined);
  expect([range.start.toString(), range.end.toString()]).toEqual(['t/', 't0']);
  expect(space.range(Buffer.from('a'), Buffer.from('b')).end.toString()).toBe('t/b');
  expect(new Keyspace().range(Buffer.alloc(0), Buffer.alloc(0)).end).toHaveLength(0);
  expect(new Keyspace(Buffer.of(0xff, 0xff)).range(Buffer.alloc(0), undefined).end).toHaveLength(0);
});

it('what is no bytes is refused: of a string, a typed array takes zeros', () => {
  const text = 'key' as unknown as Uint8Array;
  expect(() => space.toStore(text)).toThrow(/Uint8Array/);
  expect(() => space.range(text, undefined)).toThrow(/Uint8Array/);
  expect(() => space.range(Buffer.alloc(0), text)).toThrow(/Uint8Array/);
  expect(() => new Keyspace(text)).toThrow(/Uint8Array/);
});
