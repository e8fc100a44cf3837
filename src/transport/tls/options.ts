/** How TLS is spoken on a port. Paths are of PEM files, except for the revocation list, which may be DER, too. */
export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities whose certificates clients may have. */
  readonly trustedCaFile?: string | undefined;
  /** A client without a certificate that can be verified is refused. */
  readonly clientCertRequired: boolean;
  /** Serial numbers of certificates that are not accepted any more. */
  readonly clientCrlFile?: string | undefined;
  /** If not empty, a client's certificate must be valid for one of these names or addresses. */
  readonly clientHostnames?: readonly string[];
  /** If not empty, a client's certificate must have one of these common names. */
  readonly clientCommonNames?: readonly string[];
  /** Go's names of suites of TLS 1.2; empty: OpenSSL's choice. */
  readonly cipherSuites?: readonly string[];
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
}

/** As etcd writes versions. */
export type TlsVersion = 'TLS1.2' | 'TLS1.3';
