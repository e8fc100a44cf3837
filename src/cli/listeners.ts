import type { Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import { Listener, TransportError } from '../transport/index.ts';
import { findPortOwner } from './port-owner.ts';

/** The ports of a server, held before it is built. */
export interface Claimed {
  readonly client: readonly Listener[];
  readonly metrics: readonly Listener[];
}

/** kubeadm's port for etcd's metrics. */
const METRICS_URL = 'http://127.0.0.1:2381';

/** A port that was asked for could not be had. The message says who has it, and which flag chooses another. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

/** Claims every port that was asked for; the default one of the metrics only if it is free. */
export async function claimListeners(settings: Settings, logger: Logger): Promise<Claimed> {
  const claimed: Listener[] = [];
  try {
    const client = await claimAll(settings.listenClientUrls, 'listen-client-urls', claimed);
    if (settings.listenMetricsUrls !== undefined) {
      return { client, metrics: await claimAll(settings.listenMetricsUrls, 'listen-metrics-urls', claimed) };
    }
    return { client, metrics: await claimDefaultMetrics(logger) };
  } catch (error) {
    for (const listener of claimed) listener.destroy();
    throw error;
  }
}

async function claimAll(urls: readonly string[], flag: string, claimed: Listener[]): Promise<Listener[]> {
  const listeners: Listener[] = [];
  for (const url of urls) {
    const listener = await claim(url, flag);
    claimed.push(listener);
    listeners.push(listener);
  }
  return listeners;
}

async function claim(url: string, flag: string): Promise<Listener> {
  try {
    return await Listener.open(url);
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause;
    throw new PortError(`${explain(cause)}; choose another with --${flag}`, { cause });
  }
}

async function claimDefaultMetrics(logger: Logger): Promise<Listener[]> {
  try {
    return [await Listener.open(METRICS_URL)];
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
