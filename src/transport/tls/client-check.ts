import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { serialText } from './crl.ts';
import type { TlsOptions } from './options.ts';

/** Certificates looked at in a client's chain at most; OpenSSL follows a hundred. */
const chainMax = 100;

/**
 * What speaks against a client whose certificate was verified, or undefined: it is revoked, or is for none of the names
 * that are allowed. A client that was not asked for a certificate is not looked at.
 */
export function clientObjection(
  socket: TLSSocket,
  options: TlsOptions,
  revoked: ReadonlySet<string>,
): string | undefined {
  const { clientHostnames = [], clientCommonNames = [] } = options;
  // Half a millisecond for each connection goes into this object.
  if (revoked.size === 0 && clientHostnames.length === 0 && clientCommonNames.length === 0) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const revokedSerial = revoked.size === 0 ? undefined : findRevoked(certificate, revoked);
  if (revokedSerial !== undefined) return `certificate ${revokedSerial} is revoked`;
  if (clientHostnames.length > 0 && !clientHostnames.some((name) => isFor(certificate, name))) {
    return 'the certificate is for none of the allowed hostnames';
  }
  if (clientCommonNames.length > 0 && !clientCommonNames.includes(commonName(certificate) ?? '')) {
    return 'the certificate has none of the allowed common names';
  }
  return undefined;
}

/** The serial number of the first revoked certificate from the client's up to, and without, a root. */
function findRevoked(leaf: X509Certificate, revoked: ReadonlySet<string>): string | undefined {
  let certificate: X509Certificate | undefined = leaf;
  for (let depth = 0; depth < chainMax && certificate !== undefined; depth++) {
    // Small authorities number from 1, themselves included: a list that names a client's 1 does not mean its issuer's.
    if (depth > 0 && certificate.subject === certificate.issuer) return undefined;
    const serial = serialText(certificate.serialNumber);
    if (revoked.has(serial)) return serial;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}

/** Names of the subject alternative names only, as in Go. */
function isFor(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return certificate.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
}

/** The last one of the subject, as in Go. */
function commonName(certificate: X509Certificate): string | undefined {
  const names = certificate.toLegacyObject().subject.CN as string | readonly string[] | undefined;
  return typeof names === 'string' || names === undefined ? names : names.at(-1);
}
