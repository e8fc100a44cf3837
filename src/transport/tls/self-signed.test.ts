import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { selfSigned } from './self-signed.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'engram-self-signed-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const yearMs = 365 * 24 * 3_600_000;

test('the certificate is for the hosts, valid as long as asked for, and signs itself', async () => {
  const hosts = ['localhost', '127.0.0.1', '::1', 'fe80::1:2', '2001:db8::'];
  const files = await selfSigned(
    { directory: join(directory, 'a/b'), hosts, validityYears: 30 },
    silentLogger,
  );
  const certificate = new X509Certificate(readFileSync(files.certFile));
  expect(certificate.checkHost('localhost')).toBe('localhost');
  for (const address of hosts.slice(1)) expect(certificate.checkIP(address)).toBe(address);
  expect(certificate.checkIP('::2')).toBeUndefined();
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.subject).toBe('O=etcd');
  expect(certificate.ca).toBe(true);
  expect(Math.abs(Date.parse(certificate.validTo) - Date.now() - 30 * yearMs)).toBeLessThan(60_000);
  expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
});

test('it is used again, unless a part of it is missing or broken', async () => {
  const make = (): ReturnType<typeof selfSigned> =>
    selfSigned({ directory: join(directory, 'again'), hosts: ['localhost'], validityYears: 1 }, silentLogger);
  const { certFile, keyFile } = await make();
  const content = (): string => readFileSync(certFile, 'utf8');
  const first = content();
  await make();
  expect(content()).toBe(first);
  rmSync(keyFile);
  await make();
  const second = content();
  expect(second).not.toBe(first);
  writeFileSync(certFile, 'garbage');
  await make();
  expect(new X509Certificate(content()).serialNumber).not.toBe(new X509Certificate(second).serialNumber);
});

test('a directory that cannot be had is told of', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const making = selfSigned({ directory: join(file, 'x'), hosts: [], validityYears: 1 }, silentLogger);
  await expect(making).rejects.toMatchObject({ code: 'invalidTls', address: join(file, 'x') });
});
