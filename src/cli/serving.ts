import type { Logger, Random } from '../base/index.ts';
import type { ClusterNode } from '../cluster/index.ts';
import type { Settings } from '../config/index.ts';
import {
  etcdServices,
  Headers,
  HealthService,
  refuseByHeaders,
  StreamEnds,
  type CallContext,
  type ForwardedCalls,
  type GatewayOptions,
  type HealthAnswers,
  type MethodCounters,
  type ServerContext,
} from '../server/index.ts';
import type { Store } from '../store/index.ts';
import type { HttpHandler, ServerOptions } from '../transport/index.ts';
import { WatchHub, type WatchSource } from '../watch/index.ts';
import { httpHandlers } from './http.ts';
import { tellOfLoss } from './leader-notices.ts';
import { receiveOverheadBytes } from './limits.ts';
import { serverMetrics, type CommitHistograms } from './metrics.ts';
import type { MeasuredTraffic } from './peer-metrics.ts';

/** What clients are served with, once the node is readable. */
export interface Serving {
  readonly calls: GatewayOptions;
  readonly http: { readonly client: HttpHandler; readonly metrics: HttpHandler };
  /** What calls of other nodes are served from. */
  readonly context: CallContext;
  /** Ends what would go on for ever. */
  endStreams(): void;
}

export interface ServingParts {
  readonly settings: Settings;
  readonly node: ClusterNode;
  readonly forwarded: ForwardedCalls;
  readonly histograms: CommitHistograms;
  readonly healthAnswers: HealthAnswers;
  readonly traffic: MeasuredTraffic | undefined;
  readonly transport: Omit<ServerOptions, 'services'>;
  readonly random: Random;
  readonly logger: Logger;
}

/** What depends on the store, and is replaced together with it. */
interface StoreParts {
  store: Store;
  headers: Headers;
  hub: WatchHub;
}

/** Builds all services over the node, which is readable. */
export function buildServing(parts: ServingParts): Serving {
  const { settings, node, healthAnswers, logger, transport } = parts;
  const counters: MethodCounters[] = [];
  const stop = new StreamEnds();
  const leaderLost = new StreamEnds();
  const health = new HealthService();
  const context: ServerContext & StoreParts = {
    ...storeParts(node.store, parts),
    ...{ node, stop, leaderLost, logger },
    requestBytesMax: settings.maxRequestBytes,
    txnOpsMax: settings.maxTxnOps,
  };
  const endNotices = tellOfLoss(node, logger);
  node.onLeaderLost(() => leaderLost.endAll());
  node.onStore((store) => {
    const { hub } = context;
    Object.assign(context, storeParts(store, parts));
    hub.close('replaced');
  });
  const calls = {
    ...{ services: etcdServices(context, health, counters), refuse: refuseByHeaders(node) },
    ...{ receiveBytesMax: transport.receiveBytesMax, onFault: transport.onFault },
  };
  const metrics = serverMetrics({ ...parts, current: context, counters }, parts.histograms);
  return {
    calls,
    http: httpHandlers({ settings, context, metrics, healthAnswers, calls, logger }),
    context,
    endStreams() {
      endNotices();
      health.stop();
      context.hub.close();
      stop.endAll();
    },
  };
}

function storeParts(store: Store, { settings, transport, random, logger }: ServingParts): StoreParts {
  const headers = new Headers(store.clusterId, store.memberId(settings.name), store);
  const hub = new WatchHub({
    ...{ clock: transport.clock, scheduler: transport.scheduler, random },
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
  return { store, headers, hub };
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
