import { ConfigError } from './errors.ts';
import type { Values } from './schema.ts';

/**
 * What the settings of TLS must fulfil together. etcd finds the same when it starts to listen (server/embed/config.go,
 * Validate; server/embed/etcd.go, configureClientListeners); what it would let pass, and would let in more clients than
 * was meant, is refused here.
 */
export function checkTls(values: Values, warn: (message: string) => void): void {
  checkFiles(values);
  checkVersions(values);
  checkListeners(values);
  warnOfPlainText(values, warn);
}

function checkFiles(values: Values): void {
  const { certFile, keyFile, trustedCaFile, clientCertAllowedHostname, clientCertAllowedCn } = values;
  if (certFile !== undefined && keyFile === undefined) throw invalid('--cert-file needs --key-file');
  if (keyFile !== undefined && certFile === undefined) throw invalid('--key-file needs --cert-file');
  if (trustedCaFile === undefined) {
    // etcd verifies against the authorities of the system then: whoever has any public certificate gets in.
    if (values.clientCertAuth) throw invalid('--client-cert-auth needs --trusted-ca-file');
    if (values.clientCrlFile !== undefined) throw invalid('--client-crl-file needs --trusted-ca-file');
    if (clientCertAllowedHostname.length > 0) {
      throw invalid('--client-cert-allowed-hostname needs --trusted-ca-file');
    }
    if (clientCertAllowedCn.length > 0) throw invalid('--client-cert-allowed-cn needs --trusted-ca-file');
  }
  if (clientCertAllowedHostname.length > 0 && clientCertAllowedCn.length > 0) {
    throw invalid('--client-cert-allowed-hostname and --client-cert-allowed-cn exclude each other');
  }
}

function checkVersions({ tlsMinVersion, tlsMaxVersion, cipherSuites }: Values): void {
  if (tlsMinVersion === 'TLS1.3' && tlsMaxVersion === 'TLS1.2') {
    throw invalid('--tls-min-version TLS1.3 is greater than --tls-max-version TLS1.2');
  }
  if (tlsMinVersion === 'TLS1.3' && cipherSuites.length > 0) {
    throw invalid('--cipher-suites cannot be chosen when only TLS 1.3 is served');
  }
}

function checkListeners(values: Values): void {
  const { certFile, autoTls, listenClientUrls, listenClientHttpUrls = [], listenMetricsUrls = [] } = values;
  const secure = [...listenClientUrls, ...listenClientHttpUrls, ...listenMetricsUrls].find(isSecure);
  if (secure !== undefined && certFile === undefined && !autoTls) {
    throw invalid(`${secure} needs --cert-file and --key-file, or --auto-tls`);
  }
  const both = listenClientHttpUrls.find((url) => listenClientUrls.includes(url) && !url.endsWith(':0'));
  if (both !== undefined) {
    throw invalid(`${both} is in --listen-client-urls and in --listen-client-http-urls`);
  }
}

function warnOfPlainText(values: Values, warn: (message: string) => void): void {
  if (values.autoTls && values.certFile !== undefined) {
    warn('--auto-tls is ignored, because --cert-file is given');
  }
  for (const url of [...values.listenClientUrls, ...(values.listenClientHttpUrls ?? [])]) {
    if (isSecure(url)) continue;
    if (values.certFile !== undefined) warn(`${url} is served in plain text, although --cert-file is given`);
    if (values.trustedCaFile !== undefined) {
      warn(`${url} is served to clients without a certificate, although --trusted-ca-file is given`);
    }
  }
}

function isSecure(url: string): boolean {
  return /^(https|unixs):/i.test(url);
}

function invalid(message: string): ConfigError {
  return new ConfigError('invalidValue', message);
}
