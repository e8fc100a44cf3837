/** Goal: the reader of revocation lists finds every number, and anything else is refused with one kind of error. */
import { readFileSync, rmSync } from 'node:fs';
import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { TestAuthority } from '../../../test/support/certificates.ts';
import { revokedSerials, serialText } from './crl.ts';

let authority: TestAuthority;
let list: Buffer;
let pem: Buffer;
let serials: string[];
beforeAll(async () => {
  authority = await TestAuthority.create();
  const revoked = [await authority.client('a'), await authority.client('b')];
  serials = revoked.map(({ parsed }) =>
    serialText(Buffer.from(parsed.serialNumber.valueBlock.valueHexView).toString('hex')),
  );
  list = readFileSync(await authority.revoke(revoked));
  pem = readFileSync(await authority.revokeInPem(revoked));
});
afterAll(() => rmSync(authority.directory, { recursive: true }));

describe('a list', () => {
  test('in DER, in PEM, or several in one file', async () => {
    expect([...revokedSerials(list)]).toEqual(serials);
    expect([...revokedSerials(pem)]).toEqual(serials);
    const more = await authority.client('c');
    const second = readFileSync(await authority.revokeInPem([more]));
    expect(revokedSerials(Buffer.concat([pem, Buffer.from('\n'), second])).size).toBe(3);
  });

  test('that revokes nobody', async () => {
    expect(revokedSerials(readFileSync(await authority.revoke([]))).size).toBe(0);
  });

  test('that is none', async () => {
    const certificate = await authority.client('d');
    for (const file of ['', 'text', certificate.certificate]) {
      expect(() => revokedSerials(Buffer.from(file))).toThrow(RangeError);
    }
  });
});

test('numbers are written alike', () => {
  expect(serialText('00ab')).toBe('AB');
  expect(serialText('0')).toBe('0');
  expect(serialText('00')).toBe('0');
  expect(serialText('0A0')).toBe('A0');
});

test.prop([fc.uint8Array({ maxLength: 100 })])('bytes give numbers or RangeError', (bytes) => {
  expectSetOrRangeError(Buffer.from(bytes));
  expectSetOrRangeError(Buffer.concat([Buffer.from([0x30, bytes.length]), bytes]));
});

test.prop([fc.nat(), fc.nat(255), fc.nat()])('damaged lists give numbers or RangeError', (at, byte, cut) => {
  const damaged = Buffer.from(list);
  damaged[at % list.length] = byte;
  expectSetOrRangeError(damaged);
  expectSetOrRangeError(list.subarray(0, cut % list.length));
});

function expectSetOrRangeError(file: Buffer): void {
  try {
    expect(revokedSerials(file)).toBeInstanceOf(Set);
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
  }
}
