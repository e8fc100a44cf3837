import { ConfigError } from './errors.ts';
import { DEFAULT_PEER_URL, type Values } from './schema.ts';

/** Whether several servers can share the engine: only then there are peers. */
export function usesPeers({ engine }: Pick<Values, 'engine'>): boolean {
  switch (engine) {
    case 'tikv':
      return true;
    case 'level':
    case 'memory':
      return false;
  }
}

/** What the settings of the traffic between the servers of a cluster must fulfil together; as `checkTls` for clients. */
export function checkPeers(values: Values, warn: (message: string) => void): void {
  if (!usesPeers(values)) {
    warnOfIgnored(values, warn);
    return;
  }
  const listenUrls = values.listenPeerUrls ?? [DEFAULT_PEER_URL];
  checkUrls('--listen-peer-urls', listenUrls);
  checkUrls('--initial-advertise-peer-urls', values.initialAdvertisePeerUrls ?? []);
  checkFiles(values);
  const secure = listenUrls.find(isSecure);
  if (secure !== undefined && values.peerCertFile === undefined && !values.peerAutoTls) {
    throw invalid(`${secure} needs --peer-cert-file and --peer-key-file, or --peer-auto-tls`);
  }
  checkAdvertised(values, warn);
  warnOfPlainText(values, listenUrls, warn);
}

/** Whether a URL means every address of a machine: fine to listen on, and nothing that others can connect to. */
export function isEveryAddress(url: string): boolean {
  return ['0.0.0.0', '[::]'].includes(new URL(url).hostname);
}

function checkAdvertised(values: Values, warn: (message: string) => void): void {
  for (const url of values.initialAdvertisePeerUrls ?? []) {
    if (new URL(url).port === '0') throw invalid(`${url} in --initial-advertise-peer-urls needs a real port`);
    if (isEveryAddress(url)) {
      throw invalid(
        `${url} in --initial-advertise-peer-urls must name an address that other nodes can connect to`,
      );
    }
  }
  // etcd takes them too, and clients that never look at the list of members do not mind.
  for (const url of (values.advertiseClientUrls ?? []).filter(isEveryAddress)) {
    warn(`${url} in --advertise-client-urls is nothing that clients can connect to`);
  }
}

function checkUrls(flag: string, urls: readonly string[]): void {
  const socket = urls.find((url) => !/^https?:/i.test(url));
  if (socket !== undefined) throw invalid(`${flag} must be http:// or https:// URLs, not ${socket}`);
}

function checkFiles(values: Values): void {
  const { peerCertFile, peerKeyFile, peerClientCertFile, peerClientKeyFile, peerTrustedCaFile } = values;
  const { peerCertAllowedCn, peerCertAllowedHostname } = values;
  if (peerCertFile !== undefined && peerKeyFile === undefined) {
    throw invalid('--peer-cert-file needs --peer-key-file');
  }
  if (peerKeyFile !== undefined && peerCertFile === undefined) {
    throw invalid('--peer-key-file needs --peer-cert-file');
  }
  if ((peerClientCertFile === undefined) !== (peerClientKeyFile === undefined)) {
    throw invalid('--peer-client-cert-file and --peer-client-key-file need one another');
  }
  if (peerTrustedCaFile === undefined) {
    // As with clients: the system's authorities would let in whoever has any public certificate.
    const needy: [boolean, string][] = [
      [values.peerClientCertAuth, '--peer-client-cert-auth'],
      [values.peerCrlFile !== undefined, '--peer-crl-file'],
      [peerCertAllowedHostname.length > 0, '--peer-cert-allowed-hostname'],
      [peerCertAllowedCn.length > 0, '--peer-cert-allowed-cn'],
    ];
    const found = needy.find(([isGiven]) => isGiven);
    if (found !== undefined) throw invalid(`${found[1]} needs --peer-trusted-ca-file`);
  } else if (peerCertFile === undefined) {
    // A certificate that each server makes for itself is of no authority: none could connect to another.
    throw invalid('--peer-trusted-ca-file needs --peer-cert-file and --peer-key-file');
  }
  if (peerCertAllowedHostname.length > 0 && peerCertAllowedCn.length > 0) {
    throw invalid('--peer-cert-allowed-hostname and --peer-cert-allowed-cn exclude each other');
  }
}

function warnOfPlainText(values: Values, urls: readonly string[], warn: (message: string) => void): void {
  if (values.peerAutoTls && values.peerCertFile !== undefined) {
    warn('--peer-auto-tls is ignored, because --peer-cert-file is given');
  }
  for (const url of urls) {
    if (isSecure(url)) continue;
    if (values.peerTrustedCaFile !== undefined) {
      throw invalid(`${url} in --listen-peer-urls must be https://, because --peer-trusted-ca-file is given`);
    }
    if (values.peerCertFile !== undefined) {
      warn(`${url} is served in plain text, although --peer-cert-file is given`);
    }
  }
}

/** What has a meaning only among several servers. */
function warnOfIgnored(values: Values, warn: (message: string) => void): void {
  const given: [boolean, string][] = [
    [values.listenPeerUrls !== undefined, 'listen-peer-urls'],
    [values.initialAdvertisePeerUrls !== undefined, 'initial-advertise-peer-urls'],
    [values.peerCertFile !== undefined, 'peer-cert-file'],
    [values.peerKeyFile !== undefined, 'peer-key-file'],
    [values.peerClientCertFile !== undefined, 'peer-client-cert-file'],
    [values.peerClientKeyFile !== undefined, 'peer-client-key-file'],
    [values.peerTrustedCaFile !== undefined, 'peer-trusted-ca-file'],
    [values.peerClientCertAuth, 'peer-client-cert-auth'],
    [values.peerCrlFile !== undefined, 'peer-crl-file'],
    [values.peerCertAllowedHostname.length > 0, 'peer-cert-allowed-hostname'],
    [values.peerCertAllowedCn.length > 0, 'peer-cert-allowed-cn'],
    [values.peerAutoTls, 'peer-auto-tls'],
  ];
  const names = given.filter(([isGiven]) => isGiven).map(([, flag]) => `--${flag}`);
  if (names.length === 0) return;
  const verb = names.length === 1 ? 'is' : 'are';
  warn(`${names.join(', ')} ${verb} ignored, because the engine is ${values.engine}`);
}

function isSecure(url: string): boolean {
  return /^https:/i.test(url);
}

function invalid(message: string): ConfigError {
  return new ConfigError('invalidValue', message);
}
