import { setTimeout as delay } from 'node:timers/promises';
import { AssertionError, type Logger } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import type { Engine } from '../engine/index.ts';
import {
  etcdServices,
  Headers,
  HealthService,
  refuseByHeaders,
  Stop,
  type MethodCounters,
} from '../server/index.ts';
import type { Store, StoreErrorCode, StoreOptions } from '../store/index.ts';
import { createServer, type GrpcServer, type Listener, type ServerOptions } from '../transport/index.ts';
import { WatchHub, type WatchSource } from '../watch/index.ts';
import { openEngine, openStore } from './engines.ts';
import { httpHandlers } from './http.ts';
import { keepaliveLimits } from './keepalive.ts';
import { claimListeners, type Claimed } from './listeners.ts';
import { commitHistograms, serverMetrics } from './metrics.ts';
import { NodeClock, NodeRandom, NodeScheduler } from './runtime.ts';
import { startingHttp, SwitchedHttp } from './starting.ts';
import { TimedEngine } from './timed-engine.ts';

/** A server that accepts calls. */
export interface RunningServer {
  /** Where clients are served, with the real ports. */
  readonly clientUrls: readonly string[];
  /** Where clients are served over HTTP other than gRPC, when that has ports of its own. */
  readonly clientHttpUrls: readonly string[];
  /** Where probes and metrics are served; empty when the default port was taken. */
  readonly metricsUrls: readonly string[];
  readonly store: Store;
  /**
   * Accepts nothing new, finishes what is proposed, ends watches, and closes: within a second. What has not ended by then
   * is cut off.
   */
  close(): Promise<void>;
}

/** How long calls under way may go on after a stop was asked for. */
const drainMs = 500;

/** How long the store may take, once nobody waits for an answer any more: a commit in doubt can take for ever. */
const settleMs = 300;

/** A message may exceed `--max-request-bytes` by this much, as in etcd (server/etcdserver/api/v3rpc/grpc.go). */
const receiveOverheadBytes = 512 * 1024;

/** The only node of its store always leads: LevelDB's lock, or its own memory, is its lease. */
const ALWAYS_LEADER = { holds: () => true };

export interface StartOptions {
  readonly logger: Logger;
  /** Ends a start that is under way, as one that waits for a store that does not answer. */
  readonly signal?: AbortSignal;
}

/**
 * Builds a server from its parts and starts it. The one place that knows all of them. Until the log has been read,
 * probes are told that it is starting.
 *
 * @throws TransportError when a port is taken, EngineError or LogError when the data cannot be used
 */
export async function startServer(settings: Settings, options: StartOptions): Promise<RunningServer> {
  const { logger, signal = new AbortController().signal } = options;
  // Ports first: two servers by mistake are told apart before either touches data.
  const claimed = await claimListeners(settings, logger);
  const clock = new NodeClock();
  const scheduler = new NodeScheduler();
  const probes = new SwitchedHttp(startingHttp(logger));
  const transport = {
    ...{ clock, scheduler, logger: logger.child({ room: 'transport' }) },
    streamsPerConnectionMax: settings.maxConcurrentStreams,
    limits: keepaliveLimits(settings),
    receiveBytesMax: settings.maxRequestBytes + receiveOverheadBytes,
    onFault: (error: unknown, path: string) => onFault(logger, error, path),
  };
  const http = createServer({ ...transport, services: [], http: probes.handle });
  for (const listener of claimed.metrics) http.serve(listener);
  try {
    return await startOn(claimed, settings, { logger, signal, clock, scheduler, transport, http, probes });
  } catch (error) {
    for (const listener of [...claimed.client, ...claimed.clientHttp]) listener.destroy();
    await http.close();
    throw error;
  }
}

/** What there is before the engine. */
interface StartParts {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly clock: NodeClock;
  readonly scheduler: NodeScheduler;
  readonly transport: Omit<ServerOptions, 'services'>;
  /** Serves the metrics listeners. */
  readonly http: GrpcServer;
  readonly probes: SwitchedHttp;
}

async function startOn(claimed: Claimed, settings: Settings, parts: StartParts): Promise<RunningServer> {
  const { logger, signal, clock, scheduler, transport, http, probes } = parts;
  const runtime = { clock, scheduler, random: new NodeRandom() };
  const histograms = commitHistograms();
  const opened: { store?: Store } = {};
  const leads = (): boolean => opened.store !== undefined && isLeading(opened.store);
  const inner = await openEngine(settings, { ...runtime, logger, signal, leads });
  const engine = new TimedEngine(inner, clock, (seconds) => {
    histograms.commit.observe(seconds);
    histograms.fsync.observe(seconds);
  });
  let store: Store;
  try {
    const storeLogger = logger.child({ room: 'store' });
    store = await openStore({
      ...storeOptions(settings, { ...runtime, engine, logger: storeLogger }),
      signal,
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
  opened.store = store;
  const memberId = store.memberId(settings.name);
  const headers = new Headers(store.clusterId, memberId, store);
  const hub = new WatchHub({
    ...runtime,
    source: watchSource(store, headers),
    logger: logger.child({ room: 'watch' }),
    limits: {
      watchersPerStreamMax: settings.maxWatchersPerStream,
      fragmentBytesMin: settings.maxRequestBytes + receiveOverheadBytes,
    },
    progressIntervalMs: settings.watchProgressNotifyInterval,
  });
  store.onCommit((revision) => hub.committed(revision));
  store.onCompact((revision) => hub.compacted(revision));
  const counters: MethodCounters[] = [];
  const stop = new Stop();
  const health = new HealthService();
  const urls = urlsOf(claimed);
  const context = {
    ...{ store, hub, headers, logger, stop },
    name: settings.name,
    clientUrls: settings.advertiseClientUrls ?? urls.clientUrls,
    requestBytesMax: settings.maxRequestBytes,
    txnOpsMax: settings.maxTxnOps,
  };
  const calls = {
    ...{ services: etcdServices(context, health, counters), refuse: refuseByHeaders },
    ...{ receiveBytesMax: transport.receiveBytesMax, onFault: transport.onFault },
  };
  const metrics = serverMetrics({ store, hub, counters, memberId }, histograms);
  const handlers = httpHandlers({ settings, store, metrics, calls, logger });
  const grpc = createServer({ ...transport, ...calls, http: handlers.client });
  for (const listener of [...claimed.client, ...claimed.clientHttp]) grpc.serve(listener);
  probes.switchTo(handlers.metrics);
  logger.info('serving', { ...urls, revision: store.revision, epoch: store.epoch });
  const close = once(() => closeAll({ grpc, http, hub, health, stop, store, engine }));
  return { ...urls, store, close };
}

function urlsOf({ client, clientHttp, metrics }: Claimed): Omit<RunningServer, 'store' | 'close'> {
  const url = (listener: Listener): string => listener.url;
  return { clientUrls: client.map(url), clientHttpUrls: clientHttp.map(url), metricsUrls: metrics.map(url) };
}

/** Refusals of a node that leads all the same. */
const REFUSES_FOR_NOW: ReadonlySet<StoreErrorCode | undefined> = new Set([
  undefined,
  'Timeout',
  'NoSpace',
  'TooManyRequests',
]);

function isLeading(store: Store): boolean {
  return REFUSES_FOR_NOW.has(store.status().refusal);
}

type StoreParts = Pick<StoreOptions, 'engine' | 'clock' | 'scheduler' | 'random' | 'logger'>;

function storeOptions(settings: Settings, parts: StoreParts): StoreOptions {
  return {
    ...parts,
    keyspace: settings.keyspace,
    name: settings.name,
    lease: ALWAYS_LEADER,
    limits: { requestBytesMax: settings.maxRequestBytes, txnOpsMax: settings.maxTxnOps },
    quotaBytes: Number.isFinite(settings.quotaBackendBytes) ? settings.quotaBackendBytes : 0,
    autoCompaction: settings.autoCompaction,
  };
}

function watchSource(store: Store, headers: Headers): WatchSource {
  return {
    index: store.index,
    arena: store.arena,
    history: store.history,
    revision: () => store.revision,
    compacted: () => store.compacted,
    header: (revision) => headers.at(revision),
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

interface ServingParts {
  readonly grpc: GrpcServer;
  readonly http: GrpcServer;
  readonly hub: WatchHub;
  readonly health: HealthService;
  readonly stop: Stop;
  readonly store: Store;
  readonly engine: Engine;
}

async function closeAll({ grpc, http, hub, health, stop, store, engine }: ServingParts): Promise<void> {
  const drained = grpc.drain(drainMs);
  health.stop();
  hub.close();
  stop.stop();
  await drained;
  await Promise.race([store.close(), delay(settleMs, undefined, { ref: false })]);
  await http.close();
  await engine.close();
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= run());
}
