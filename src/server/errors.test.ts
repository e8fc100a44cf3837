import { AssertionError } from '../base/index.ts';
import { expect, test } from 'vitest';
import { STORE_ERRORS, storeError, type StoreErrorCode } from '../store/index.ts';
import { WireError } from '../wire/index.ts';
import { statusOf, statusOfMalformed } from './errors.ts';

test('every error of the store becomes its own code and text, once', () => {
  for (const [code, [grpcCode, text]] of Object.entries(STORE_ERRORS)) {
    const error = storeError(code as StoreErrorCode);
    expect(statusOf(error)).toEqual({ code: grpcCode, message: text });
    expect(statusOf(error)).toBe(statusOf(error));
  }
});

test('undecodable requests are the client’s fault, anything else is not', () => {
  const wrong = new WireError('truncated', 3, 'cut short');
  expect(statusOfMalformed(wrong, 'unary').message).toBe(
    'grpc: error unmarshalling request: proto: cannot parse invalid wire-format data',
  );
  expect(statusOfMalformed(wrong, 'stream').code).toBe(13);
  const tooMany = new WireError('tooManyOperations', 3, 'too many');
  expect(statusOfMalformed(tooMany, 'unary').message).toBe('etcdserver: too many operations in txn request');
  const bug = new AssertionError('a bug');
  expect(() => statusOfMalformed(bug, 'unary')).toThrow(bug);
});
