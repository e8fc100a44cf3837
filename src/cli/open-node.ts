import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { ClusterNode, type ClusterNodeOptions, type ServeForwarded } from '../cluster/index.ts';
import type { Settings } from '../config/index.ts';
import type { Engine } from '../engine/index.ts';
import type { StoreOptions } from '../store/index.ts';
import { openEngine } from './engines.ts';
import type { CommitHistograms } from './metrics.ts';
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
}

/** The node on its engine. Who closes it closes the engine after it. */
export interface OpenNode {
  readonly node: ClusterNode;
  readonly engine: Engine;
}

/**
 * Opens the engine of the settings and the node on it, which has read the log by then.
 *
 * @throws EngineError, LogError or ClusterError when the data cannot be used, and whatever aborted `parts.signal`
 */
export async function openNode(settings: Settings, parts: OpenNodeParts): Promise<OpenNode> {
  const { clock, scheduler, random, logger, signal } = parts;
  const opened: { node?: ClusterNode } = {};
  const leads = (): boolean => opened.node?.leads === true;
  const inner = await openEngine(settings, { clock, scheduler, random, logger, signal, leads });
  const engine = timed(inner, parts);
  try {
    const node = await ClusterNode.start(nodeOptions(settings, parts, engine));
    opened.node = node;
    return { node, engine };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

function timed(engine: Engine, { clock, histograms }: OpenNodeParts): Engine {
  return new TimedEngine(engine, clock, (seconds) => {
    histograms.commit.observe(seconds);
    histograms.fsync.observe(seconds);
  });
}

/** A leader that could renew its lease only once, and fails to once, has lost it. */
const renewalsPerLease = 4;

function nodeOptions(settings: Settings, parts: OpenNodeParts, engine: Engine): ClusterNodeOptions {
  const { serve, clientUrls, onFailed } = parts;
  return {
    ...{ serve, clientUrls, onFailed },
    store: storeOptions(settings, parts, engine),
    network: undefined,
    peerUrls: [],
    leaseMs: settings.leaderLease,
    renewMs: settings.leaderLease / renewalsPerLease,
    linearizableReads: settings.linearizableReads,
  };
}

function storeOptions(
  settings: Settings,
  { clock, scheduler, random, logger, signal }: OpenNodeParts,
  engine: Engine,
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
