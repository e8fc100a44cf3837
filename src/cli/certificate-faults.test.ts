/** Goal: an operator hears at the start of what other nodes will hold against a certificate. */
import { expect, test } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { certificateFaults, type CertificateUse } from './certificate-faults.ts';

const authority = await TestAuthority.create();
const both: CertificateUse[] = [
  { as: 'server', hosts: ['localhost', '127.0.0.1'] },
  { as: 'client', hosts: [] },
];

async function faults(
  wishes: Parameters<TestAuthority['server']>[1],
  uses: readonly CertificateUse[] = both,
): Promise<string> {
  const { certificate } = await authority.server('node', { usages: ['serverAuth', 'clientAuth'], ...wishes });
  return certificateFaults(Buffer.from(certificate), uses, Date.now()).join('; ');
}

test('a certificate for both uses and all hosts has none, nor has one that names no uses', async () => {
  expect(await faults({})).toBe('');
  expect(await faults({ usages: [] })).toBe('');
});

test('its time is over, or has not come', async () => {
  const past = { notBefore: new Date(Date.now() - 7200_000), notAfter: new Date(Date.now() - 3600_000) };
  expect(await faults(past)).toMatch(/^it has expired, on /);
  const future = { notBefore: new Date(Date.now() + 3600_000), notAfter: new Date(Date.now() + 7200_000) };
  expect(await faults(future)).toMatch(/^it is not valid before /);
});

test('it is for one use only', async () => {
  expect(await faults({ usages: ['serverAuth'] })).toBe('it is not for the use by a client');
  expect(await faults({ usages: ['clientAuth'] })).toBe('it is not for the use by a server');
});

test('it does not name a host by which others connect', async () => {
  const uses: CertificateUse[] = [{ as: 'server', hosts: ['10.0.0.1', 'node-1.a.example'] }];
  const found = await faults({}, uses);
  expect(found).toContain('10.0.0.1');
  expect(found).toContain('node-1.a.example');
  expect(await faults({ names: ['*.a.example'], addresses: ['10.0.0.1'] }, uses)).toBe('');
});
