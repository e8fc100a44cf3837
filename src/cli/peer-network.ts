import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bareHost, type Clock, type Logger, type Scheduler } from '../base/index.ts';
import type { PeerNetwork } from '../cluster/index.ts';
import type { Settings } from '../config/index.ts';
import { GrpcPeerNetwork, PeerCredentials, type PeerTls } from '../server/index.ts';
import {
  createServer,
  selfSigned,
  TlsAcceptor,
  type GrpcServer,
  type Listener,
  type TlsOptions,
} from '../transport/index.ts';
import { advertisedUrls } from './advertised-urls.ts';
import { certificateFaults, type CertificateUse } from './certificate-faults.ts';
import { claimOne } from './listeners.ts';
import { newPeerTraffic, type MeasuredTraffic } from './peer-metrics.ts';

export interface PeerNetworkParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** A handler threw, which is a bug. */
  readonly onFault: (error: unknown, path: string) => void;
}

/** This node's way to the others, and theirs to it. */
export interface OpenPeerNetwork {
  readonly network: PeerNetwork;
  readonly traffic: MeasuredTraffic;
  /** Where other nodes are served, with the real ports. */
  readonly listenUrls: readonly string[];
  /** Where the others are told to connect to: for the record of members, and for MemberList. */
  readonly peerUrls: readonly string[];
  /** Ends every link and gives the ports back. To be called when the cluster node is closed. */
  close(): Promise<void>;
}

/** As etcd, below its data directory. */
const selfSignedDirectory = join('fixtures', 'peer');

/** Connections of other nodes, of which each needs one. */
const connectionsMax = 256;
const linksPerConnectionMax = 16;

/** What waits for a follower that is slow or far away, before commits are left out for it to read them from the engine. */
const queueBytesMax = 16 * 1024 * 1024;

/** A follower that takes nothing of what waits for it for so long loses its link, and what waits is dropped. */
const stallMsMax = 10_000;

/** A follower that has died without a word is found out after both. */
const keepaliveMs = 10_000;
const keepaliveTimeoutMs = 5_000;

/** Calls come many in a message, but one of them has to fit whatever its size. */
const receiveBytesMin = 64 * 1024 * 1024;
const receiveOverheadBytes = 4 * 1024 * 1024;

/** The shortest time for which a node may be busy and still be one that lives. */
const aliveMsMin = 500;

/**
 * Opens the peer port, if the settings have one: none with an engine that is not shared. Until `network.accept` is called,
 * links are refused.
 *
 * @throws PortError when a port cannot be had, TransportError when a file of TLS cannot be used
 */
export async function openPeerNetwork(
  settings: Settings,
  parts: PeerNetworkParts,
): Promise<OpenPeerNetwork | undefined> {
  if (settings.listenPeerUrls.length === 0) return undefined;
  const { clock, scheduler } = parts;
  const logger = parts.logger.child({ room: 'peers' });
  const credentials = PeerCredentials.open(clientTls(settings), logger);
  const listeners = await claimPeerPorts(settings, logger);
  const traffic = newPeerTraffic();
  const aliveMs = Math.max(aliveMsMin, settings.leaderLease);
  const network = new GrpcPeerNetwork({ credentials, clock, scheduler, logger, traffic, aliveMs });
  const server = createServer({
    ...{ clock, scheduler, logger, onFault: parts.onFault, services: [network.service] },
    receiveBytesMax: Math.max(receiveBytesMin, settings.maxRequestBytes + receiveOverheadBytes),
    streamsPerConnectionMax: linksPerConnectionMax,
    limits: {
      ...{ stallMsMax, keepaliveMs, keepaliveTimeoutMs, streamQueueBytesMax: queueBytesMax },
      // Nodes ping as often as they need to: their links break when a leader has died.
      pingIntervalMsMin: 0,
    },
  });
  for (const listener of listeners) server.serve(listener);
  const listenUrls = listeners.map(({ url }) => url);
  const peerUrls = peerUrlsOf(settings, listenUrls, logger);
  warnOfCertificates(settings, peerUrls, logger);
  return {
    network,
    traffic,
    listenUrls,
    peerUrls,
    close: closer(network, server),
  };
}

function closer(network: GrpcPeerNetwork, server: GrpcServer): () => Promise<void> {
  return () => {
    network.close();
    return server.close();
  };
}

function peerUrlsOf(settings: Settings, listenUrls: readonly string[], logger: Logger): readonly string[] {
  if (settings.initialAdvertisePeerUrls !== undefined) return settings.initialAdvertisePeerUrls;
  const { urls, guessed } = advertisedUrls(listenUrls);
  if (guessed) {
    logger.warn('guessed where other nodes can connect to; --initial-advertise-peer-urls says it', { urls });
  }
  return urls;
}

/** Says what other nodes will hold against the certificates of this one. */
function warnOfCertificates(settings: Settings, peerUrls: readonly string[], logger: Logger): void {
  const { peerCertFile, peerClientCertFile = peerCertFile } = settings;
  const hosts = peerUrls.filter((url) => /^https:/i.test(url)).map(hostOf);
  const uses = new Map<string, CertificateUse[]>();
  const add = (file: string | undefined, use: CertificateUse): void => {
    if (file !== undefined) uses.set(file, [...(uses.get(file) ?? []), use]);
  };
  if (hosts.length > 0) add(peerCertFile, { as: 'server', hosts });
  add(peerClientCertFile, { as: 'client', hosts: [] });
  for (const [file, shown] of uses)
    for (const reason of certificateFaults(readFileSync(file), shown, Date.now()))
      logger.warn("other nodes will refuse this node's certificate", { file, reason });
}

const hostOf = (url: string): string => bareHost(new URL(url));

async function claimPeerPorts(settings: Settings, logger: Logger): Promise<Listener[]> {
  const tls = await serverTls(settings, logger);
  const claimed: Listener[] = [];
  try {
    for (const url of settings.listenPeerUrls) {
      const options = { tls, traffic: 'grpc', connectionsMax, logger } as const;
      claimed.push(await claimOne(url, 'listen-peer-urls', options));
    }
  } catch (error) {
    for (const listener of claimed) listener.destroy();
    throw error;
  }
  return claimed;
}

async function serverTls(settings: Settings, logger: Logger): Promise<TlsAcceptor | undefined> {
  if (!settings.listenPeerUrls.some((url) => new URL(url).protocol === 'https:')) return undefined;
  const pair = await certificateOf(settings, logger);
  if (pair === undefined) return undefined;
  const { peerTrustedCaFile, peerClientCertAuth } = settings;
  const options: TlsOptions = {
    ...pair,
    trustedCaFile: peerTrustedCaFile,
    // As for clients: naming an authority asks for certificates.
    clientCertRequired: peerClientCertAuth || peerTrustedCaFile !== undefined,
    clientCrlFile: settings.peerCrlFile,
    clientHostnames: settings.peerCertAllowedHostname,
    clientCommonNames: settings.peerCertAllowedCn,
    cipherSuites: settings.cipherSuites,
    minVersion: settings.tlsMinVersion,
    maxVersion: settings.tlsMaxVersion,
  };
  return TlsAcceptor.open(options, logger);
}

async function certificateOf(
  settings: Settings,
  logger: Logger,
): Promise<Pick<TlsOptions, 'certFile' | 'keyFile'> | undefined> {
  const { peerCertFile: certFile, peerKeyFile: keyFile, peerAutoTls, selfSignedCertValidity } = settings;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (!peerAutoTls) return undefined;
  const hosts = settings.listenPeerUrls.map(hostOf);
  const directory = join(settings.dataDir, selfSignedDirectory);
  return selfSigned({ directory, hosts: [...new Set(hosts)], validityYears: selfSignedCertValidity }, logger);
}

/** How this node connects to others. */
function clientTls(settings: Settings): PeerTls {
  const { peerCertFile, peerKeyFile, peerClientCertFile, peerClientKeyFile, peerTrustedCaFile } = settings;
  return {
    caFile: peerTrustedCaFile,
    certFile: peerClientCertFile ?? peerCertFile,
    keyFile: peerClientKeyFile ?? peerKeyFile,
    // As in etcd: whoever signs his own certificate can be anybody.
    verifies: peerCertFile !== undefined || !settings.peerAutoTls,
    hostnames: settings.peerCertAllowedHostname,
    commonNames: settings.peerCertAllowedCn,
  };
}
