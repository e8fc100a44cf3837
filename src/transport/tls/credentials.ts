import { constants, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Logger } from '../../base/index.ts';
import { TransportError } from '../errors.ts';
import { cipherList, unknownCipherSuite } from './ciphers.ts';
import { revokedSerials } from './crl.ts';
import type { TlsOptions, TlsVersion } from './options.ts';

/** What the files of TLS hold, checked: it works together. */
export interface LoadedTls {
  readonly context: SecureContextOptions;
  /** Serial numbers that are revoked, as `serialText` writes them. */
  readonly revoked: ReadonlySet<string>;
}

/** Files are looked at again, when a client connects, no more often than this. */
const recheckMs = 100;

const versions: Readonly<Record<TlsVersion, SecureVersion>> = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' };

/**
 * No resumption: clients in Go ask for none, and a resumed session would outlive the revocation of its certificate. No
 * renegotiation: it lets a client have as many handshakes as it likes for one connection.
 */
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/**
 * Certificate, key, authorities and revocation list, read again when their files have changed, so that certificates are
 * renewed without a restart. etcd reads certificate, key and list for every handshake; here a few `stat` calls tell that
 * nothing has changed. What cannot be used is logged once, and what was loaded before stays in use: a renewal that
 * writes the certificate before the key is whole at the next look.
 */
export class Credentials {
  readonly #options: TlsOptions;
  readonly #logger: Logger;
  readonly #files: readonly string[];
  #seen: string;
  #loaded: LoadedTls;
  #checkedMs: number;

  private constructor(options: TlsOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    const { certFile, keyFile, trustedCaFile, clientCrlFile } = options;
    this.#files = [certFile, keyFile, trustedCaFile, clientCrlFile].filter((path) => path !== undefined);
    this.#seen = stateOf(this.#files);
    this.#loaded = load(options);
    this.#checkedMs = performance.now();
  }

  /** Reads and checks the files. Throws TransportError with the code `invalidTls`. */
  static load(options: TlsOptions, logger: Logger): Credentials {
    return new Credentials(options, logger);
  }

  get current(): LoadedTls {
    return this.#loaded;
  }

  /** Looks whether files have changed since. True if there is something new in `current`. */
  refresh(nowMs: number = performance.now()): boolean {
    if (nowMs - this.#checkedMs < recheckMs) return false;
    this.#checkedMs = nowMs;
    const state = stateOf(this.#files);
    if (state === this.#seen) return false;
    this.#seen = state;
    try {
      this.#loaded = load(this.#options);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#logger.error('changed TLS files cannot be used; the previous ones stay in use', {
        reason: error.message,
      });
      return false;
    }
    this.#logger.info('TLS files have changed and were loaded again', { files: this.#files });
    return true;
  }
}

/** Differs when a file has been written, replaced, removed, or is another one behind a symbolic link. */
function stateOf(files: readonly string[]): string {
  return files.map(stateOfFile).join(' ');
}

function stateOfFile(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    // Gone, in a directory that may not be entered, a link to itself: whoever reads it will say.
    return String((error as NodeJS.ErrnoException).code);
  }
}

function load(options: TlsOptions): LoadedTls {
  const { certFile, keyFile, trustedCaFile, clientCrlFile, minVersion, maxVersion } = options;
  const cert = read(certFile);
  const key = read(keyFile);
  checkCertificates(certFile, cert);
  const ca = trustedCaFile === undefined ? undefined : read(trustedCaFile);
  if (trustedCaFile !== undefined && ca !== undefined) checkCertificates(trustedCaFile, ca);
  const ciphers = ciphersOf(options.cipherSuites ?? []);
  const context: SecureContextOptions = {
    ...{ cert, key, secureOptions, honorCipherOrder: true },
    ...(ca === undefined ? {} : { ca }),
    ...(ciphers === undefined ? {} : { ciphers }),
    minVersion: versions[minVersion ?? 'TLS1.2'],
    maxVersion: versions[maxVersion ?? 'TLS1.3'],
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    const detail = `a certificate and key that do not work together: ${messageOf(cause)}`;
    throw new TransportError('invalidTls', `${certFile} and ${keyFile}`, { detail, cause });
  }
  return { context, revoked: clientCrlFile === undefined ? new Set() : readCrl(clientCrlFile) };
}

function ciphersOf(names: readonly string[]): string | undefined {
  const unknown = unknownCipherSuite(names);
  if (unknown === undefined) return cipherList(names);
  const detail = 'Go has no such name, or OpenSSL no such suite';
  throw new TransportError('invalidTls', `cipher suite ${unknown}`, { detail });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TransportError('invalidTls', path, { detail: messageOf(cause), cause });
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** OpenSSL takes an empty file for no certificate, and leaves out authorities that it cannot read. */
function checkCertificates(path: string, pem: Buffer): void {
  const blocks = pem.toString('latin1').match(pemCertificate) ?? [];
  if (blocks.length === 0)
    throw new TransportError('invalidTls', path, { detail: 'no certificate in PEM is in it' });
  for (const block of blocks) {
    try {
      void new X509Certificate(block);
    } catch (cause) {
      throw new TransportError('invalidTls', path, { detail: messageOf(cause), cause });
    }
  }
}

function readCrl(path: string): Set<string> {
  try {
    return revokedSerials(read(path));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const detail = `not a certificate revocation list: ${cause.message}`;
    throw new TransportError('invalidTls', path, { detail, cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
