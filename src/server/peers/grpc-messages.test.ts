/** Goal: messages come out as they went in, however what carries them is cut. */
import { expect, test } from 'vitest';
import { GrpcMessages, prefixed } from './grpc-messages.ts';

const messages = [0, 1, 4, 300, 0, 70_000, 5].map((length, at) => Buffer.alloc(length, at));
const bytes = Buffer.concat(messages.map(prefixed));

test.each([1, 2, 3, 4, 5, 6, 7, 1000, 16_384, bytes.length])('in pieces of %i', (size) => {
  const taken: Buffer[] = [];
  const reader = new GrpcMessages((message) => void taken.push(message));
  for (let at = 0; at < bytes.length; at += size)
    expect(reader.push(bytes.subarray(at, at + size))).toBeUndefined();
  expect(taken.map(({ length }) => length)).toEqual(messages.map(({ length }) => length));
  expect(Buffer.concat(taken).equals(Buffer.concat(messages))).toBe(true);
});

test('one in one piece is a view of it', () => {
  const piece = prefixed(Buffer.from('a'));
  const taken: Buffer[] = [];
  new GrpcMessages((message) => void taken.push(message)).push(piece);
  expect(taken[0]!.buffer).toBe(piece.buffer);
});

test('compressed ones are refused', () => {
  const piece = prefixed(Buffer.from('a'));
  piece[0] = 1;
  const reader = new GrpcMessages(() => expect.unreachable());
  expect(reader.push(piece)).toContain('compressed');
});
