import { X509Certificate } from 'node:crypto';
import { checkServerIdentity } from 'node:tls';

/** Extended key usages (RFC 5280, 4.2.1.12). */
const USAGES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** What a certificate is shown for. */
export interface CertificateUse {
  readonly as: keyof typeof USAGES;
  /** Names and addresses by which others connect to whoever shows it. */
  readonly hosts: readonly string[];
}

/**
 * Why others will refuse a certificate that this process is able to use. It would not notice by itself: a node whose
 * certificate lacks its name follows well, and is found out when it leads and nobody can connect to it.
 */
export function certificateFaults(pem: Buffer, uses: readonly CertificateUse[], nowMs: number): string[] {
  const certificate = new X509Certificate(pem);
  const faults: string[] = [];
  if (nowMs > Date.parse(certificate.validTo)) faults.push(`it has expired, on ${certificate.validTo}`);
  if (nowMs < Date.parse(certificate.validFrom))
    faults.push(`it is not valid before ${certificate.validFrom}`);
  // Without the extension every use is allowed. Node calls the extended usages `keyUsage`.
  const usages = certificate.keyUsage as readonly string[] | undefined;
  for (const { as, hosts } of uses) {
    if (usages?.includes(USAGES[as]) === false) faults.push(`it is not for the use by a ${as}`);
    for (const host of hosts) {
      const mismatch = checkServerIdentity(host, certificate.toLegacyObject());
      if (mismatch !== undefined) faults.push(mismatch.message);
    }
  }
  return faults;
}
