import { join } from 'node:path';
import { bareHost, type Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import { selfSigned, TlsAcceptor, type TlsOptions } from '../transport/index.ts';

/** Where etcd keeps the certificate of `--auto-tls` below its data directory. */
const selfSignedDirectory = join('fixtures', 'client');

/**
 * TLS as the settings have it, for all https ports together; undefined when there is none.
 *
 * @throws TransportError when a file cannot be read or used
 */
export async function openTls(settings: Settings, logger: Logger): Promise<TlsAcceptor | undefined> {
  const { listenClientUrls, listenClientHttpUrls = [], listenMetricsUrls = [] } = settings;
  const urls = [...listenClientUrls, ...listenClientHttpUrls, ...listenMetricsUrls];
  if (!urls.some((url) => /^(https|unixs):/i.test(url))) return undefined;
  const pair = await certificateOf(settings, logger);
  return pair === undefined ? undefined : TlsAcceptor.open({ ...tlsOptions(settings), ...pair }, logger);
}

type Pair = Pick<TlsOptions, 'certFile' | 'keyFile'>;

async function certificateOf(settings: Settings, logger: Logger): Promise<Pair | undefined> {
  const { certFile, keyFile, autoTls, dataDir, selfSignedCertValidity } = settings;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (!autoTls) return undefined;
  const urls = [...settings.listenClientUrls, ...(settings.listenClientHttpUrls ?? [])];
  // A socket of the file system has no host.
  const hosts = urls.map((url) => bareHost(new URL(url))).filter((host) => host !== '');
  return selfSigned(
    {
      directory: join(dataDir, selfSignedDirectory),
      hosts: [...new Set(hosts)],
      validityYears: selfSignedCertValidity,
    },
    logger,
  );
}

function tlsOptions(settings: Settings): Omit<TlsOptions, keyof Pair> {
  return {
    trustedCaFile: settings.trustedCaFile,
    // As in etcd: naming an authority asks for certificates, with --client-cert-auth or without.
    clientCertRequired: settings.clientCertAuth || settings.trustedCaFile !== undefined,
    clientCrlFile: settings.clientCrlFile,
    clientHostnames: settings.clientCertAllowedHostname,
    clientCommonNames: settings.clientCertAllowedCn,
    cipherSuites: settings.cipherSuites,
    minVersion: settings.tlsMinVersion,
    maxVersion: settings.tlsMaxVersion,
  };
}
