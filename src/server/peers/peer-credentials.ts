import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  createSecureContext,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import { bareHost, type Logger } from '../../base/index.ts';
import { TransportError } from '../../transport/index.ts';

/** How a node introduces itself to the nodes that it connects to, and whom it believes. Paths of PEM files. */
export interface PeerTls {
  /** Authorities of the others' certificates. Given: nobody is spoken to in plain text. @default the system's */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** False: any certificate will do, as where each node signs its own. */
  readonly verifies: boolean;
  /** If not empty, the other's certificate must be valid for one of these names or addresses. */
  readonly hostnames?: readonly string[];
  /** If not empty, the other's certificate must have one of these common names. */
  readonly commonNames?: readonly string[];
}

/** Where a connection to another node goes. */
export interface PeerAddress {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Undefined: in plain text. */
  readonly tls: ConnectionOptions | undefined;
}

/** Reads the files again for each connection, of which there are few, so that certificates can be renewed. */
export class PeerCredentials {
  readonly #tls: PeerTls;
  readonly #logger: Logger;
  #context: SecureContext;

  private constructor(tls: PeerTls, logger: Logger) {
    this.#tls = tls;
    this.#logger = logger;
    this.#context = load(tls);
  }

  /** Reads and checks the files. Throws TransportError with the code `invalidTls`. */
  static open(tls: PeerTls, logger: Logger): PeerCredentials {
    return new PeerCredentials(tls, logger);
  }

  /** Of a URL of another node; a text when that must not be connected to, which says why. */
  address(url: string): PeerAddress | string {
    let parsed: URL;
    try {
      parsed = new URL(url);
    } catch {
      return 'not a URL';
    }
    const { protocol } = parsed;
    if (protocol !== 'http:' && protocol !== 'https:') return 'not a http:// or https:// URL';
    const isSecure = protocol === 'https:';
    const host = bareHost(parsed);
    const port = parsed.port === '' ? (isSecure ? 443 : 80) : Number(parsed.port);
    if (isSecure) return { host, port, tls: this.#secure(host) };
    // Who knows its authority must not be led to somebody whom that has never heard of.
    if (this.#tls.caFile !== undefined) return 'in plain text, although --peer-trusted-ca-file is given';
    return { host, port, tls: undefined };
  }

  #secure(host: string): ConnectionOptions {
    try {
      this.#context = load(this.#tls);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      // In the middle of a renewal: a key that does not fit yet. The next connection looks again.
      this.#logger.warn('changed TLS files cannot be used; the previous ones stay in use', {
        reason: error.message,
      });
    }
    return {
      secureContext: this.#context,
      rejectUnauthorized: this.#tls.verifies,
      checkServerIdentity: (_name, certificate) => objection(host, certificate, this.#tls),
      // Only names may be told in the handshake (RFC 6066, 3).
      ...(isIP(host) === 0 ? { servername: host } : {}),
    };
  }
}

/** What speaks against the certificate of a node, which was found to be of an authority. */
function objection(host: string, certificate: PeerCertificate, tls: PeerTls): Error | undefined {
  const { hostnames = [], commonNames = [] } = tls;
  const mismatch = checkServerIdentity(host, certificate);
  if (mismatch !== undefined) return mismatch;
  if (
    hostnames.length > 0 &&
    hostnames.every((name) => checkServerIdentity(name, certificate) !== undefined)
  ) {
    return new Error('the certificate is for none of the allowed hostnames');
  }
  // The last one of the subject, as for clients.
  const names = certificate.subject.CN as string | readonly string[] | undefined;
  const name = typeof names === 'string' || names === undefined ? names : names.at(-1);
  if (commonNames.length > 0 && !commonNames.includes(name ?? '')) {
    return new Error('the certificate has none of the allowed common names');
  }
  return undefined;
}

function load({ caFile, certFile, keyFile }: PeerTls): SecureContext {
  const ca = readIf(caFile);
  const cert = readIf(certFile);
  const key = readIf(keyFile);
  try {
    return createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const address = [certFile, keyFile, caFile].filter((path) => path !== undefined).join(', ');
    throw new TransportError('invalidTls', address, { detail: messageOf(cause), cause });
  }
}

function readIf(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TransportError('invalidTls', path, { detail: messageOf(cause), cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
