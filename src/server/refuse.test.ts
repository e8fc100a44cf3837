import { expect, test } from 'vitest';
import { refuseByHeaders } from './refuse.ts';

const refusal = (version: string | undefined): unknown =>
  refuseByHeaders((name) => (name === 'client-api-version' ? version : undefined));

test.each([undefined, '', '3.7', 'anything', Buffer.from('drei ½').toString('latin1')])(
  'a client version of %j is accepted, as etcd accepts any text',
  (version) => {
    expect(refusal(version)).toBeUndefined();
  },
);

test.each(['\xff', '3.\xc3', '\xed\xa0\x80'])('a client version of %j is no text', (version) => {
  expect(refusal(version)).toEqual({ code: 3, message: 'etcdserver: invalid client api version' });
});
