import type { Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import { Listener, TransportError, type ListenOptions } from '../transport/index.ts';
import { connectionsByDescriptors } from './descriptors.ts';
import { findPortOwner } from './port-owner.ts';
import { openTls } from './tls.ts';

/** The ports of a server, held before it is built. */
export interface Claimed {
  readonly client: readonly Listener[];
  /** Ports for clients that do not serve gRPC. With some of them, those above serve nothing else. */
  readonly clientHttp: readonly Listener[];
  readonly metrics: readonly Listener[];
}

/** kubeadm's port for etcd's metrics. */
const METRICS_URL = 'http://127.0.0.1:2381';

/** A port that was asked for could not be had. The message says who has it, and which flag chooses another. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

/**
 * Claims every port that was asked for; the default one of the metrics only if it is free.
 *
 * @throws PortError when one cannot be had, TransportError when a file of TLS cannot be used
 */
export async function claimListeners(settings: Settings, logger: Logger): Promise<Claimed> {
  const { listenClientUrls, listenClientHttpUrls, listenMetricsUrls } = settings;
  const transportLogger = logger.child({ room: 'transport' });
  const connectionsMax = connectionsByDescriptors();
  const options: ListenOptions = {
    tls: await openTls(settings, transportLogger),
    logger: transportLogger,
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
  };
  const claimed: Listener[] = [];
  const claim = async (
    urls: readonly string[],
    flag: string,
    traffic: Listener['traffic'],
  ): Promise<Listener[]> => {
    const listeners = new Map<string, Listener>();
    for (const url of urls.toSorted((one, other) => Number(isSecure(other)) - Number(isSecure(one)))) {
      const ofBoth = listeners.get(withTls(url))?.withPlainText(options);
      const listener = ofBoth ?? (await claimOne(url, flag, { ...options, traffic }));
      claimed.push(listener);
      listeners.set(url, listener);
    }
    return urls.flatMap((url) => listeners.get(url) ?? []);
  };
  try {
    const traffic = listenClientHttpUrls === undefined ? 'grpc+http' : 'grpc';
    const client = await claim(listenClientUrls, 'listen-client-urls', traffic);
    const clientHttp = await claim(listenClientHttpUrls ?? [], 'listen-client-http-urls', 'http');
    const metrics =
      listenMetricsUrls === undefined
        ? await claimDefaultMetrics(options, logger)
        : await claim(listenMetricsUrls, 'listen-metrics-urls', 'http');
    return { client, clientHttp, metrics };
  } catch (error) {
    for (const listener of claimed) listener.destroy();
    throw error;
  }
}

function isSecure(url: string): boolean {
  return /^(https|unixs):/i.test(url);
}

/** Where the same port would have TLS; what is no port that somebody named stays as it is. */
function withTls(url: string): string {
  return url.replace(/^http(?=:.*:[1-9]\d*$)|^unix(?=:)/i, '$&s');
}

/** Claims one port. @throws PortError, which names the flag */
export async function claimOne(url: string, flag: string, options: ListenOptions): Promise<Listener> {
  try {
    return await Listener.open(url, options);
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause;
    throw new PortError(`${explain(cause)}; choose another with --${flag}`, { cause });
  }
}

async function claimDefaultMetrics(options: ListenOptions, logger: Logger): Promise<Listener[]> {
  try {
    return [await Listener.open(METRICS_URL, { ...options, traffic: 'http' })];
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    logger.warn('metrics and probes are not served; choose a port with --listen-metrics-urls', {
      reason: explain(error),
    });
    return [];
  }
}

function explain(error: TransportError): string {
  if (error.code !== 'addressInUse') return error.message;
  const owner = findPortOwner(Number(/:(\d+)$/.exec(error.address)?.[1]));
  const by = owner === undefined ? '' : ` by process ${owner.pid} (${owner.command})`;
  return `Cannot listen on ${error.address}: it is taken${by}`;
}
