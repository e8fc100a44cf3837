import { DerReader, derTag } from './der.ts';

/**
 * The serial numbers in a certificate revocation list (RFC 5280, 5.1), as `serialText` writes them. Takes DER, as etcd
 * does, and PEM with one list or more. As in etcd, only the numbers count: neither the issuer of the list nor its
 * signature or its age is looked at. Throws RangeError.
 */
export function revokedSerials(file: Buffer): Set<string> {
  const serials = new Set<string>();
  for (const list of listsOf(file)) addSerials(list, serials);
  return serials;
}

/** Upper-case hexadecimal digits without leading zeros, however the number was written. */
export function serialText(hexadecimal: string): string {
  return hexadecimal.toUpperCase().replace(/^0+(?=.)/, '');
}

function listsOf(file: Buffer): Buffer[] {
  if (file[0] === derTag.sequence) return [file];
  const blocks = file.toString('latin1').matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g);
  const lists = Array.from(blocks, ([, base64]) => Buffer.from(String(base64), 'base64'));
  if (lists.length === 0) throw new RangeError('neither DER nor PEM');
  return lists;
}

/**
 *     CertificateList ::= SEQUENCE { tbsCertList TBSCertList, signatureAlgorithm, signatureValue }
 *     TBSCertList ::= SEQUENCE { version INTEGER OPTIONAL, signature SEQUENCE, issuer SEQUENCE, thisUpdate Time,
 *       nextUpdate Time OPTIONAL, revokedCertificates SEQUENCE OF SEQUENCE { serial INTEGER, ... } OPTIONAL, ... }
 */
function addSerials(list: Buffer, serials: Set<string>): void {
  const file = new DerReader(list);
  const certificateList = file.inside(file.read(derTag.sequence));
  const body = certificateList.inside(certificateList.read(derTag.sequence));
  certificateList.read(derTag.sequence);
  certificateList.read();
  if (body.nextTag === derTag.integer) body.read();
  body.read(derTag.sequence);
  body.read(derTag.sequence);
  readTime(body);
  if (isTime(body.nextTag)) readTime(body);
  if (body.nextTag !== derTag.sequence) return;
  const revoked = body.inside(body.read(derTag.sequence));
  while (!revoked.atEnd) {
    const entry = revoked.inside(revoked.read(derTag.sequence));
    const serial = entry.read(derTag.integer);
    serials.add(serialText(list.toString('hex', serial.start, serial.end)));
  }
}

function isTime(tag: number | undefined): boolean {
  return tag === derTag.utcTime || tag === derTag.generalizedTime;
}

function readTime(reader: DerReader): void {
  if (!isTime(reader.nextTag)) throw new RangeError('a time is missing');
  reader.read();
}
