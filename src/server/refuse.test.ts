import { expect, test } from 'vitest';
import { refuseByHeaders } from './refuse.ts';

const refusal = (headers: Readonly<Record<string, string | undefined>>, hasLeader = true): unknown =>
  refuseByHeaders({ hasLeader: () => hasLeader })((name) => headers[name]);

test.each([undefined, '', '3.7', 'anything', Buffer.from('drei ½').toString('latin1')])(
  'a client version of %j is accepted, as etcd accepts any text',
  (version) => {
    expect(refusal({ 'client-api-version': version })).toBeUndefined();
  },
);

test.each(['\xff', '3.\xc3', '\xed\xa0\x80'])('a client version of %j is no text', (version) => {
  expect(refusal({ 'client-api-version': version })).toEqual({
    code: 3,
    message: 'etcdserver: invalid client api version',
  });
});

test('a call that asks for a leader is refused while there is none, others are not', () => {
  expect(refusal({ hasleader: 'true' }, true)).toBeUndefined();
  expect(refusal({ hasleader: 'true' }, false)).toEqual({ code: 14, message: 'etcdserver: no leader' });
  expect(refusal({ hasleader: 'false' }, false)).toBeUndefined();
  expect(refusal({}, false)).toBeUndefined();
});
