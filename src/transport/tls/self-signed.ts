import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '../../base/index.ts';
import { TransportError } from '../errors.ts';

export interface SelfSignedOptions {
  /** Gets `cert.pem` and `key.pem`, and is made if it is missing. */
  readonly directory: string;
  /** Names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly validityYears: number;
}

/** Times are compared with the clock of the wall. */
const yearMs = 365 * 24 * 3_600_000;

/**
 * The certificate and key of `--auto-tls`: those in the directory, or, when there are none or they have expired, new
 * ones that sign themselves, with the fields of etcd's (client/pkg/transport/listener.go, SelfCert); the key is of the
 * curve P-256, where etcd's P-521 would cost more in every handshake. Rejects with TransportError.
 */
export async function selfSigned(
  options: SelfSignedOptions,
  logger: Logger,
): Promise<{ certFile: string; keyFile: string }> {
  const files = {
    certFile: join(options.directory, 'cert.pem'),
    keyFile: join(options.directory, 'key.pem'),
  };
  const notAfter = expiryOf(files.certFile);
  if (notAfter !== undefined && notAfter > Date.now() && exists(files.keyFile)) return files;
  const made = await make(options);
  try {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    writeFileSync(files.certFile, made.certificate);
    writeFileSync(files.keyFile, made.key, { mode: 0o600 });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError('invalidTls', options.directory, { detail, cause });
  }
  logger.warn('made a certificate that signs itself', {
    ...{ certFile: files.certFile, validityYears: options.validityYears },
    replaced: notAfter === undefined ? 'nothing' : 'an expired one',
  });
  return files;
}

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false; // Missing or unreadable: a new one is written, and if that fails, too, it is told.
  }
}

/** When the certificate in a file expires; undefined if there is none. */
function expiryOf(path: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(readFileSync(path)).validTo);
  } catch {
    return undefined; // As above.
  }
}

async function make({
  hosts,
  validityYears,
}: SelfSignedOptions): Promise<{ certificate: string; key: string }> {
  // Loaded only for this: a server with real certificates never needs them.
  const { createCertificate } = await import('./certificates.ts');
  const now = Date.now();
  return createCertificate({
    subject: { organization: 'etcd' },
    notBefore: new Date(now),
    notAfter: new Date(now + validityYears * yearMs),
    isAuthority: true,
    usages: ['serverAuth'],
    addresses: hosts.filter((host) => isIP(host) !== 0),
    names: hosts.filter((host) => isIP(host) === 0),
  });
}
