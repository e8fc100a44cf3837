import { AssertionError, type Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import { ForwardedCalls, type HealthAnswers } from '../server/index.ts';
import type { Store } from '../store/index.ts';
import { createServer, type GrpcServer, type Listener, type ServerOptions } from '../transport/index.ts';
import { advertisedUrls } from './advertised-urls.ts';
import { keepaliveLimits } from './keepalive.ts';
import { tellOfWaiting } from './leader-notices.ts';
import { receiveOverheadBytes } from './limits.ts';
import { claimListeners, type Claimed } from './listeners.ts';
import { commitHistograms } from './metrics.ts';
import { openNode, type OpenNode } from './open-node.ts';
import { NodeClock, NodeRandom, NodeScheduler } from './runtime.ts';
import { buildServing, type Serving } from './serving.ts';
import { startingHttp, SwitchedHttp } from './starting.ts';
import { stopping } from './stopping.ts';

/** A server that accepts calls. */
export interface RunningServer {
  /** Where clients are served, with the real ports. */
  readonly clientUrls: readonly string[];
  /** Where clients are served over HTTP other than gRPC, when that has ports of its own. */
  readonly clientHttpUrls: readonly string[];
  /** Where probes and metrics are served; empty when the default port was taken. */
  readonly metricsUrls: readonly string[];
  /** The one that serves now. */
  readonly store: Store;
  /**
   * Accepts nothing new, finishes what is proposed, ends watches, and closes: within a second. What has not ended by then
   * is cut off.
   */
  close(): Promise<void>;
}

export interface StartOptions {
  readonly logger: Logger;
  /** Ends a start that is under way, as one that waits for a store that does not answer. */
  readonly signal?: AbortSignal;
  /** The server cannot go on, and is to be closed: another took its name, for example. */
  readonly onFailed?: (error: Error) => void;
}

/**
 * Builds a server from its parts and starts it. The one place that knows all of them. Until the log has been read and a
 * leader has said what of it may be shown, probes are told that it is starting, and clients wait.
 *
 * @throws PortError when a port cannot be had, TransportError when a file of TLS cannot be used, EngineError, LogError or
 *   ClusterError when the data cannot be used, and whatever aborted `options.signal`
 */
export async function startServer(settings: Settings, options: StartOptions): Promise<RunningServer> {
  const { logger, signal = new AbortController().signal, onFailed = () => undefined } = options;
  // Ports first: two servers by mistake are told apart before either touches data.
  const claimed = await claimListeners(settings, logger);
  const runtime = { clock: new NodeClock(), scheduler: new NodeScheduler(), random: new NodeRandom() };
  const healthAnswers = { healthy: 0, unhealthy: 0 };
  const probes = new SwitchedHttp(startingHttp(logger, healthAnswers));
  const transport = transportOptions(settings, { ...runtime, logger });
  const http = createServer({ ...transport, services: [], http: probes.handle });
  for (const listener of claimed.metrics) http.serve(listener);
  try {
    return await startOn(claimed, settings, {
      ...runtime,
      logger,
      signal,
      onFailed,
      transport,
      http,
      probes,
      healthAnswers,
    });
  } catch (error) {
    for (const listener of [...claimed.client, ...claimed.clientHttp]) listener.destroy();
    await http.close();
    throw error;
  }
}

/** What there is before the engine. */
interface StartParts {
  readonly clock: NodeClock;
  readonly scheduler: NodeScheduler;
  readonly random: NodeRandom;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onFailed: (error: Error) => void;
  readonly transport: Omit<ServerOptions, 'services'>;
  /** Serves the metrics listeners. */
  readonly http: GrpcServer;
  readonly probes: SwitchedHttp;
  readonly healthAnswers: HealthAnswers;
}

async function startOn(claimed: Claimed, settings: Settings, parts: StartParts): Promise<RunningServer> {
  const { logger, transport, http, probes } = parts;
  const histograms = commitHistograms();
  const urls = urlsOf(claimed);
  const ready: { serving?: Serving } = {};
  const forwarded = new ForwardedCalls({
    context: () => ready.serving?.context,
    onFault: transport.onFault,
  });
  const open = await openNode(settings, {
    ...{ ...parts, histograms, serve: forwarded.serve },
    clientUrls: advertisedClientUrls(settings, urls.clientUrls, logger),
    onFault: transport.onFault,
  });
  const { node, traffic } = open;
  const endNotice = tellOfWaiting(node, { name: settings.name, ...parts });
  await whenReadable(open, parts.signal).finally(endNotice);
  const serving = buildServing({ ...parts, settings, node, traffic, forwarded, histograms });
  ready.serving = serving;
  const grpc = createServer({ ...transport, ...serving.calls, http: serving.http.client });
  for (const listener of [...claimed.client, ...claimed.clientHttp]) grpc.serve(listener);
  probes.switchTo(serving.http.metrics);
  const { peerUrls } = open;
  logger.info('serving', { ...urls, peerUrls, revision: node.store.revision, epoch: node.store.epoch });
  return {
    ...urls,
    get store() {
      return node.store;
    },
    close: stopping({ open, serving, grpc, http }),
  };
}

/** Waits until the node may show what it has read. Closes it if the start is ended. */
async function whenReadable({ node, close }: OpenNode, signal: AbortSignal): Promise<void> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
  });
  try {
    signal.throwIfAborted();
    await Promise.race([node.whenReadable(), aborted]);
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function urlsOf({ client, clientHttp, metrics }: Claimed): Omit<RunningServer, 'store' | 'close'> {
  const url = (listener: Listener): string => listener.url;
  return { clientUrls: client.map(url), clientHttpUrls: clientHttp.map(url), metricsUrls: metrics.map(url) };
}

/** What MemberList tells, which clients connect to. Among several nodes it has to be right for all machines. */
function advertisedClientUrls(
  settings: Settings,
  listenUrls: readonly string[],
  logger: Logger,
): readonly string[] {
  if (settings.advertiseClientUrls !== undefined) return settings.advertiseClientUrls;
  if (settings.listenPeerUrls.length === 0) return listenUrls;
  const { urls, guessed } = advertisedUrls(listenUrls);
  if (guessed) logger.warn('guessed where clients can connect to; --advertise-client-urls says it', { urls });
  return urls;
}

function transportOptions(
  settings: Settings,
  { clock, scheduler, logger }: Pick<StartParts, 'clock' | 'scheduler' | 'logger'>,
): Omit<ServerOptions, 'services'> {
  return {
    ...{ clock, scheduler, logger: logger.child({ room: 'transport' }) },
    streamsPerConnectionMax: settings.maxConcurrentStreams,
    limits: keepaliveLimits(settings),
    receiveBytesMax: settings.maxRequestBytes + receiveOverheadBytes,
    onFault: (error: unknown, path: string) => onFault(logger, error, path),
  };
}

/** A handler threw: a bug. Its caller has been told; a broken invariant ends the process besides. */
function onFault(logger: Logger, error: unknown, path: string): void {
  logger.error('a call failed unexpectedly', { path, error });
  if (!(error instanceof AssertionError)) return;
  queueMicrotask(() => {
    throw error;
  });
}
