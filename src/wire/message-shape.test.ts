import { expect, test } from 'vitest';
import type { MessageShape } from './message-shape.ts';
import { messageShape, serviceDefinition, serviceNames } from './protos.ts';

const field = (shape: MessageShape, name: string) => shape.fields.find((each) => each.name === name);

test('a field is known by both of its names, its kind and its number', () => {
  const range = messageShape('etcdserverpb.RangeRequest');
  expect(field(range, 'range_end')).toMatchObject({ jsonName: 'rangeEnd', number: 2, kind: 'bytes' });
  expect(field(range, 'limit')).toMatchObject({ kind: 'int64', isRepeated: false, oneof: undefined });
  expect(field(messageShape('etcdserverpb.Member'), 'peerURLs')).toMatchObject({
    jsonName: 'peerURLs',
    kind: 'string',
    isRepeated: true,
  });
  expect(field(messageShape('etcdserverpb.HashResponse'), 'hash')).toMatchObject({ kind: 'uint32' });
});

test('enumerations have names, wherever they are declared', () => {
  const range = messageShape('etcdserverpb.RangeRequest');
  expect([...(field(range, 'sort_order')?.values ?? [])]).toEqual([
    [0, 'NONE'],
    [1, 'ASCEND'],
    [2, 'DESCEND'],
  ]);
  expect(field(messageShape('etcdserverpb.AlarmRequest'), 'alarm')?.values?.get(2)).toBe('CORRUPT');
});

test('only the members of a oneof are members of it', () => {
  const compare = messageShape('etcdserverpb.Compare');
  const members = compare.fields.filter((each) => each.oneof !== undefined).map((each) => each.name);
  expect(members).toEqual(['version', 'create_revision', 'mod_revision', 'value', 'lease']);
  expect(field(compare, 'lease')?.oneof).toBe('etcdserverpb.Compare.target_union');
});

test('a message may hold itself', () => {
  const txn = messageShape('etcdserverpb.TxnRequest');
  expect(field(field(txn, 'success')!.message!, 'request_txn')?.message).toBe(txn);
  expect(field(messageShape('etcdserverpb.RangeResponse'), 'kvs')?.message?.name).toBe('mvccpb.KeyValue');
});

test('every message of every method has a shape', () => {
  for (const service of serviceNames()) {
    for (const { requestType, responseType } of Object.values(serviceDefinition(service))) {
      for (const name of [requestType, responseType]) {
        const numbers = messageShape(name).fields.map((each) => each.number);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      }
    }
  }
});
