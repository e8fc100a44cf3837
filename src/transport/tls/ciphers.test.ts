import { createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import { cipherList, unknownCipherSuite } from './ciphers.ts';

/** All that etcd 3.7 takes (Go 1.26, crypto/tls/cipher_suites.go, tlsutil/cipher_suites.go), less RC4 and triple DES. */
const known = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['TLS_RSA_WITH_AES_128_CBC_SHA', 'TLS_RSA_WITH_AES_256_CBC_SHA', 'TLS_RSA_WITH_AES_128_CBC_SHA256'],
  ...['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_256_GCM_SHA384'],
  ...['RSA', 'ECDSA'].flatMap((key) =>
    [
      ...['AES_128_CBC_SHA', 'AES_256_CBC_SHA', 'AES_128_CBC_SHA256', 'AES_128_GCM_SHA256'],
      ...['AES_256_GCM_SHA384', 'CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305'],
    ].map((suite) => `TLS_ECDHE_${key}_WITH_${suite}`),
  ),
];

test('all names of Go that OpenSSL has suites for are known, and OpenSSL takes each of them', () => {
  expect(unknownCipherSuite(known)).toBeUndefined();
  for (const name of known) {
    expect(() => createSecureContext({ ciphers: String(cipherList([name])) })).not.toThrow();
  }
});

test.each(['TLS_RSA_WITH_RC4_128_SHA', 'TLS_RSA_WITH_3DES_EDE_CBC_SHA', 'AES128-SHA', 'tls_aes', ''])(
  '%j is not known',
  (name) => expect(unknownCipherSuite([known[0]!, name])).toBe(name),
);

test('a list keeps its order, names each suite once, and leaves TLS 1.3 as it is', () => {
  const list = cipherList([
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305',
    'TLS_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_RSA_WITH_AES_128_CBC_SHA',
  ]);
  expect(list).toBe(
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-CHACHA20-POLY1305:AES128-SHA',
  );
  expect(cipherList([])).toBeUndefined();
});
