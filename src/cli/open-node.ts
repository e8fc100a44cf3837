import { within, type Clock, type Logger, type Random, type Scheduler } from '../base/index.ts';
import { ClusterNode, type ClusterNodeOptions, type ServeForwarded } from '../cluster/index.ts';
import type { Settings } from '../config/index.ts';
import type { Engine } from '../engine/index.ts';
import type { StoreOptions } from '../store/index.ts';
import { commitTimes } from './commit-times.ts';
import { openEngine } from './engines.ts';
import type { CommitHistograms } from './metrics.ts';
import type { MeasuredTraffic } from './peer-metrics.ts';
import { openPeerNetwork, type OpenPeerNetwork } from './peer-network.ts';
import { TimedEngine } from './timed-engine.ts';

export interface OpenNodeParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends an opening that waits for others. */
  readonly signal: AbortSignal;
  readonly histograms: CommitHistograms;
  /** What other nodes and clients are told to reach this one by. */
  readonly clientUrls: readonly string[];
  readonly serve: ServeForwarded;
  /** The node cannot go on. */
  readonly onFailed: (error: Error) => void;
  /** A handler of what other nodes send threw, which is a bug. */
  readonly onFault: (error: unknown, path: string) => void;
}

/** The node on its engine, in touch with the others. */
export interface OpenNode {
  readonly node: ClusterNode;
  /** Where other nodes are told to connect to; none when there can be no others. */
  readonly peerUrls: readonly string[];
  /** What has gone to them and come from them; undefined when there can be none. */
  readonly traffic: MeasuredTraffic | undefined;
  /** Hands the lead over, if the node has it, and ends it; then what it uses. */
  readonly close: () => Promise<void>;
}

/**
 * How long the node may take to hand the lead over and to close, once no client waits for an answer any more: a commit in
 * doubt can take for ever.
 */
const settleMs = 300;

/** How long an engine that others serve may take: what it waits for may not answer, and it goes on without us. */
const leaveMs = 150;

/**
 * Opens the peer port, the engine of the settings, and the node on both, which has read the log by then.
 *
 * @throws PortError when a port cannot be had, TransportError, EngineError, LogError or ClusterError when files or data
 *   cannot be used, and whatever aborted `parts.signal`
 */
export async function openNode(settings: Settings, parts: OpenNodeParts): Promise<OpenNode> {
  const { clock, scheduler, random, logger, signal } = parts;
  const opened: { node?: ClusterNode; engine?: Engine; peers?: OpenPeerNetwork | undefined } = {};
  const close = async (): Promise<void> => {
    const { node, peers, engine } = opened;
    if (node !== undefined) await within(scheduler, settleMs, node.close());
    await peers?.close();
    if (engine?.capabilities.shared === true) await within(scheduler, leaveMs, engine.close());
    else await engine?.close();
  };
  try {
    const peers = (opened.peers = await openPeerNetwork(settings, parts));
    const leads = (): boolean => opened.node?.leads === true;
    const inner = await openEngine(settings, { clock, scheduler, random, logger, signal, leads });
    const engine = (opened.engine = new TimedEngine(inner, clock, commitTimes(parts)));
    const node = (opened.node = await ClusterNode.start(nodeOptions(settings, { ...parts, engine, peers })));
    return { node, peerUrls: peers?.peerUrls ?? [], traffic: peers?.traffic, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A leader that could renew its lease only once, and fails to once, has lost it. */
const renewalsPerLease = 4;

interface NodeParts extends OpenNodeParts {
  readonly engine: Engine;
  readonly peers: OpenPeerNetwork | undefined;
}

function nodeOptions(settings: Settings, parts: NodeParts): ClusterNodeOptions {
  const { serve, clientUrls, onFailed, peers } = parts;
  return {
    ...{ serve, clientUrls, onFailed },
    store: storeOptions(settings, parts),
    network: peers?.network,
    peerUrls: peers?.peerUrls ?? [],
    leaseMs: settings.leaderLease,
    renewMs: settings.leaderLease / renewalsPerLease,
    linearizableReads: settings.linearizableReads,
  };
}

function storeOptions(
  settings: Settings,
  { clock, scheduler, random, logger, signal, engine }: NodeParts,
): Omit<StoreOptions, 'lease'> {
  return {
    ...{ engine, clock, scheduler, random, signal },
    logger: logger.child({ room: 'store' }),
    keyspace: settings.keyspace,
    name: settings.name,
    limits: { requestBytesMax: settings.maxRequestBytes, txnOpsMax: settings.maxTxnOps },
    quotaBytes: Number.isFinite(settings.quotaBackendBytes) ? settings.quotaBackendBytes : 0,
    autoCompaction: settings.autoCompaction,
  };
}
