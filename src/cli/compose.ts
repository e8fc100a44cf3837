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
import { Store, type StoreOptions } from '../store/index.ts';
import { createServer, type GrpcServer, type Listener } from '../transport/index.ts';
import { WatchHub, type WatchSource } from '../watch/index.ts';
import { httpHandlers } from './http.ts';
import { keepaliveLimits } from './keepalive.ts';
import { claimListeners, type Claimed } from './listeners.ts';
import { commitHistograms, serverMetrics } from './metrics.ts';
import { NodeClock, NodeRandom, NodeScheduler } from './runtime.ts';
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

/**
 * Builds a server from its parts and starts it. The one place that knows all of them.
 *
 * @throws TransportError when a port is taken, EngineError or LogError when the data cannot be used
 */
export async function startServer(
  settings: Settings,
  { logger }: { logger: Logger },
): Promise<RunningServer> {
  // Ports first: two servers by mistake are told apart before either touches data.
  const claimed = await claimListeners(settings, logger);
  try {
    return await startOn(claimed, settings, logger);
  } catch (error) {
    const { client, clientHttp, metrics } = claimed;
    for (const listener of [...client, ...clientHttp, ...metrics]) listener.destroy();
    throw error;
  }
}

async function startOn(claimed: Claimed, settings: Settings, logger: Logger): Promise<RunningServer> {
  const clock = new NodeClock();
  const runtime = { clock, scheduler: new NodeScheduler(), random: new NodeRandom() };
  const histograms = commitHistograms();
  const engine = new TimedEngine(await openEngine(settings, logger), clock, (seconds) => {
    histograms.commit.observe(seconds);
    histograms.fsync.observe(seconds);
  });
  let store: Store;
  try {
    store = await Store.open(
      storeOptions(settings, { ...runtime, engine, logger: logger.child({ room: 'store' }) }),
    );
  } catch (error) {
    await engine.close();
    throw error;
  }
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
    services: etcdServices(context, health, counters),
    receiveBytesMax: settings.maxRequestBytes + receiveOverheadBytes,
    refuse: refuseByHeaders,
    onFault: (error: unknown, path: string) => onFault(logger, error, path),
  };
  const metrics = serverMetrics({ store, hub, counters, memberId }, histograms);
  const handlers = httpHandlers({ settings, store, metrics, calls, logger });
  const transport = {
    ...calls,
    ...{ clock, scheduler: runtime.scheduler, logger: logger.child({ room: 'transport' }) },
    streamsPerConnectionMax: settings.maxConcurrentStreams,
    limits: keepaliveLimits(settings),
  };
  const grpc = createServer({ ...transport, http: handlers.client });
  const http = createServer({ ...transport, services: [], http: handlers.metrics });
  for (const listener of [...claimed.client, ...claimed.clientHttp]) grpc.serve(listener);
  for (const listener of claimed.metrics) http.serve(listener);
  logger.info('serving', { ...urls, revision: store.revision, epoch: store.epoch });
  const close = once(() => closeAll({ grpc, http, hub, health, stop, store, engine }));
  return { ...urls, store, close };
}

function urlsOf({ client, clientHttp, metrics }: Claimed): Omit<RunningServer, 'store' | 'close'> {
  const url = (listener: Listener): string => listener.url;
  return { clientUrls: client.map(url), clientHttpUrls: clientHttp.map(url), metricsUrls: metrics.map(url) };
}

async function openEngine(settings: Settings, logger: Logger): Promise<Engine> {
  if (settings.engine === 'memory') {
    const { MemoryEngine } = await import('../engine/memory/index.ts');
    return new MemoryEngine();
  }
  const { LevelEngine } = await import('../engine/level/index.ts');
  return LevelEngine.open({
    directory: settings.dataDir,
    sync: !settings.unsafeNoFsync,
    logger: logger.child({ room: 'engine' }),
  });
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
