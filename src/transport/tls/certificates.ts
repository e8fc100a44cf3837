import { webcrypto } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { BitString, Integer, OctetString, Utf8String, type BaseBlock } from 'asn1js';
import {
  AttributeTypeAndValue,
  BasicConstraints,
  Certificate,
  ExtKeyUsage,
  Extension,
  GeneralName,
  GeneralNames,
  RelativeDistinguishedNames,
  Time,
} from 'pkijs';

export type CertificateUsage = 'serverAuth' | 'clientAuth';

export interface CertificateRequest {
  readonly subject: { readonly organization?: string; readonly commonName?: string };
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** May sign other certificates. */
  readonly isAuthority: boolean;
  readonly usages: readonly CertificateUsage[];
  /** Subject alternative names: IP addresses and DNS names. */
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** Who signs it; without one it signs itself. */
  readonly issuer?: Issuer;
}

/** An authority made before. */
export interface Issuer {
  readonly parsed: Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface MadeCertificate extends Issuer {
  /** PEM. */
  readonly certificate: string;
  /** PEM of PKCS #8. */
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };

const oid = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** digitalSignature, keyEncipherment and, for authorities, keyCertSign and cRLSign (RFC 5280, 4.2.1.3). */
const usageBits = { leaf: 0b1010_0000, authority: 0b1010_0110 };

/** Makes a key on the curve P-256 and a certificate for it. */
export async function createCertificate(request: CertificateRequest): Promise<MadeCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const parsed = new Certificate({ version: 2 });
  parsed.serialNumber = randomSerial();
  parsed.subject = distinguishedName(request.subject);
  parsed.issuer = request.issuer?.parsed.subject ?? parsed.subject;
  parsed.notBefore = timeOf(request.notBefore);
  parsed.notAfter = timeOf(request.notAfter);
  parsed.extensions = extensionsOf(request);
  await parsed.subjectPublicKeyInfo.importKey(keys.publicKey);
  await parsed.sign(request.issuer?.keys.privateKey ?? keys.privateKey, 'SHA-256');
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    ...{ parsed, keys },
    certificate: pem('CERTIFICATE', parsed.toSchema(true).toBER()),
    key: pem('PRIVATE KEY', pkcs8),
  };
}

export function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** 127 random bits: positive, and of 16 bytes for certain. */
function randomSerial(): Integer {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return new Integer({ valueHex: bytes.buffer });
}

/** UTCTime up to 2049, GeneralizedTime from then on, without fractions of a second (RFC 5280, 4.1.2.5). */
function timeOf(date: Date): Time {
  const value = new Date(Math.floor(date.getTime() / 1000) * 1000);
  return new Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

function distinguishedName({
  organization,
  commonName,
}: CertificateRequest['subject']): RelativeDistinguishedNames {
  const typesAndValues: AttributeTypeAndValue[] = [];
  const add = (type: string, text: string | undefined): void => {
    if (text === undefined) return;
    typesAndValues.push(new AttributeTypeAndValue({ type, value: new Utf8String({ value: text }) }));
  };
  add(oid.organization, organization);
  add(oid.commonName, commonName);
  return new RelativeDistinguishedNames({ typesAndValues });
}

function extensionsOf(request: CertificateRequest): Extension[] {
  const { isAuthority, usages, addresses, names } = request;
  const extensions = [
    extension(oid.basicConstraints, new BasicConstraints({ cA: isAuthority }).toSchema(), true),
    extension(oid.keyUsage, keyUsage(isAuthority ? usageBits.authority : usageBits.leaf), true),
  ];
  if (usages.length > 0) {
    const keyPurposes = usages.map((usage) => oid[usage]);
    extensions.push(extension(oid.extKeyUsage, new ExtKeyUsage({ keyPurposes }).toSchema()));
  }
  if (addresses.length + names.length > 0) {
    const general = [
      ...addresses.map(
        (address) =>
          new GeneralName({ type: 7, value: new OctetString({ valueHex: addressBytes(address) }) }),
      ),
      ...names.map((name) => new GeneralName({ type: 2, value: name })),
    ];
    extensions.push(extension(oid.subjectAltName, new GeneralNames({ names: general }).toSchema()));
  }
  return extensions;
}

function extension(extnID: string, value: BaseBlock, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: value.toBER() });
}

function keyUsage(bits: number): BitString {
  return new BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: bits & 0b10 ? 1 : 5 });
}

/** The bytes of an address as in a certificate: 4 or 16 of them. */
function addressBytes(address: string): ArrayBuffer {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number).buffer;
  const [head = '', tail = ''] = address.toLowerCase().split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const bytes = Buffer.alloc(16);
  before.forEach((group, at) => bytes.writeUInt16BE(group, at * 2));
  after.forEach((group, at) => bytes.writeUInt16BE(group, 16 - (after.length - at) * 2));
  return new Uint8Array(bytes).buffer;
}
