import type { ClusterNode } from '../cluster/index.ts';
import {
  alarmNames,
  CLUSTER_VERSION,
  ETCD_VERSION,
  type ForwardedCalls,
  type HealthAnswers,
  type MethodCounters,
} from '../server/index.ts';
import type { StoreApi } from '../store/index.ts';
import { exponentialBounds, Histogram, Metrics, type MetricDefinition } from '../telemetry/index.ts';
import type { WatchHub } from '../watch/index.ts';
import { callMetrics } from './call-metrics.ts';
import { counter, gauge } from './metric-kinds.ts';
import { peerMetrics, roundTripTimes, type MeasuredTraffic } from './peer-metrics.ts';
import { ENGRAM_VERSION } from './version.ts';

/** How long commits take, under the two names that dashboards of etcd read. */
export interface CommitHistograms {
  readonly fsync: Histogram;
  readonly commit: Histogram;
}

/** Keep the buckets consistent with etcd: 1 ms, 2 ms, ... 8.192 s (server/storage/wal/metrics.go, backend/metrics.go). */
const DISK_BOUNDS = exponentialBounds(0.001, 2, 14);

export function commitHistograms(): CommitHistograms {
  return {
    fsync: new Histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'The latency distributions of synced commits to the engine.',
      DISK_BOUNDS,
    ),
    commit: new Histogram(
      'etcd_disk_backend_commit_duration_seconds',
      'The latency distributions of commits to the engine.',
      DISK_BOUNDS,
    ),
  };
}

export interface MetricSources {
  /** Those that serve now. */
  readonly current: { readonly store: StoreApi; readonly hub: WatchHub };
  readonly node: ClusterNode;
  readonly counters: readonly MethodCounters[];
  readonly forwarded: ForwardedCalls;
  readonly healthAnswers: HealthAnswers;
  readonly traffic: MeasuredTraffic | undefined;
}

/** What a server exports: etcd's names where the meaning is the same, `engram_` for the rest. */
export function serverMetrics(sources: MetricSources, histograms: CommitHistograms): Metrics {
  const metrics = new Metrics();
  metrics.add(
    ...storeMetrics(sources),
    alarmMetric(sources),
    ...memberMetrics(sources),
    ...identityMetrics(sources),
    ...watchMetrics(sources),
    ...healthMetrics(sources),
    ...peerMetrics(sources),
  );
  metrics.add(...callMetrics(sources.counters));
  metrics.addHistogram(histograms.fsync);
  metrics.addHistogram(histograms.commit);
  metrics.addHistogram(roundTripTimes(sources));
  return metrics;
}

function storeMetrics({ current }: MetricSources): MetricDefinition[] {
  return [
    gauge(
      'etcd_mvcc_db_total_size_in_bytes',
      'Bytes that the engine takes on disk.',
      () => current.store.status().sizeBytes,
    ),
    gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'Bytes of live data and uncompacted history.',
      () => current.store.status().inUseBytes,
    ),
    gauge('etcd_server_quota_backend_bytes', 'The quota in bytes, 0 for none.', () => {
      const { quotaBytes } = current.store.status();
      return Number.isFinite(quotaBytes) ? quotaBytes : 0;
    }),
    gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.', () => current.store.status().liveKeys),
    gauge(
      'etcd_debugging_mvcc_current_revision',
      'The current revision of the store.',
      () => current.store.revision,
    ),
    gauge(
      'etcd_debugging_mvcc_compact_revision',
      'The revision of the last compaction.',
      () => current.store.compacted,
    ),
    counter(
      'etcd_mvcc_put_total',
      'Keys put by commits that this member has made or applied.',
      () => current.store.status().operations.puts,
    ),
    counter(
      'etcd_mvcc_delete_total',
      'Keys deleted by commits that this member has made or applied.',
      () => current.store.status().operations.deletes,
    ),
    counter(
      'etcd_mvcc_range_total',
      'Ranges that this member has evaluated, those of transactions included.',
      () => current.store.status().operations.ranges,
    ),
    counter(
      'etcd_mvcc_txn_total',
      'Transactions of more than one operation that this member has evaluated.',
      () => current.store.status().operations.txns,
    ),
    gauge('engram_leases', 'Leases that exist.', () => current.store.status().leases),
    gauge(
      'engram_proposed_bytes',
      'Bytes proposed and not yet committed.',
      () => current.store.status().proposedBytes,
    ),
    gauge(
      'engram_memory_bytes',
      'Bytes of values and index in memory.',
      () => current.store.status().memoryBytes,
    ),
  ];
}

const ALARMS = ['CORRUPT', 'NOSPACE'] as const;

/** Both are always there, so that an alert can tell none from not known. */
function alarmMetric({ current }: MetricSources): MetricDefinition {
  return {
    name: 'engram_alarms',
    help: 'How many members have raised an alarm; a full disk is NOSPACE.',
    kind: 'gauge',
    labels: ['alarm'],
    read: () => {
      const raised = alarmNames(current.store.status());
      return ALARMS.map((alarm) => ({
        labels: { alarm },
        value: raised.filter((name) => name === alarm).length,
      }));
    },
  };
}

function memberMetrics({ current, node, forwarded }: MetricSources): MetricDefinition[] {
  return [
    gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', () =>
      Number(node.hasLeader()),
    ),
    // One that cannot renew its lease has no leader, itself included: another may lead by now.
    gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', () =>
      Number(node.leads && node.hasLeader()),
    ),
    gauge(
      'etcd_server_is_learner',
      'Whether or not this member is a learner. 1 if is, 0 otherwise.',
      () => 0,
    ),
    counter(
      'etcd_server_leader_changes_seen_total',
      'Leader changes seen since the start.',
      () => node.leaderChanges,
    ),
    gauge(
      'etcd_server_proposals_committed_total',
      'Chunks of the log that are committed, as far as this member has heard.',
      () => node.announced,
    ),
    gauge(
      'etcd_server_proposals_applied_total',
      'Chunks of the log that are applied.',
      () => current.store.sequence,
    ),
    gauge(
      'engram_epoch',
      'The epoch of the leader whose chunks were applied last.',
      () => current.store.epoch,
    ),
    counter(
      'etcd_server_read_indexes_failed_total',
      'Questions of this member how far the leader is, which no leader answered.',
      () => node.readIndexes.failed,
    ),
    counter(
      'etcd_server_slow_read_indexes_total',
      'Linearizable reads that timed out before a leader had said how far it is.',
      () => node.readIndexes.timeouts,
    ),
    gauge('engram_followers', 'Members that this one sends its commits to.', () => node.followers),
    gauge(
      'engram_follower_lag_chunks',
      'Chunks that are committed, as far as this member has heard, and not applied.',
      () => node.announced - current.store.sequence,
    ),
    counter(
      'engram_forwarded_calls_served_total',
      'Calls that other members have forwarded to this one.',
      () => forwarded.served,
    ),
  ];
}

/** What a label says and the value does not. */
function identityMetrics({ node }: MetricSources): MetricDefinition[] {
  return [
    {
      name: 'etcd_server_id',
      help: 'Server or member ID in hexadecimal format. 1 for a label with the current ID.',
      kind: 'gauge',
      labels: ['server_id'],
      read: () => [{ labels: { server_id: node.memberId.toString(16) }, value: 1 }],
    },
    {
      name: 'etcd_server_version',
      help: 'Which version of etcd this server speaks like. 1 for a label with the current version.',
      kind: 'gauge',
      labels: ['server_version'],
      read: () => [{ labels: { server_version: ETCD_VERSION }, value: 1 }],
    },
    {
      name: 'etcd_cluster_version',
      help: 'Which version of etcd the members speak like. 1 for a label with the current version.',
      kind: 'gauge',
      labels: ['cluster_version'],
      read: () => [{ labels: { cluster_version: CLUSTER_VERSION }, value: 1 }],
    },
    {
      name: 'engram_build_info',
      help: 'Which version of Engram is running, on which Node.',
      kind: 'gauge',
      labels: ['version', 'node'],
      read: () => [{ labels: { version: ENGRAM_VERSION, node: process.versions.node }, value: 1 }],
    },
  ];
}

function healthMetrics({ healthAnswers }: MetricSources): MetricDefinition[] {
  return [
    counter(
      'etcd_server_health_success',
      'Answers of /health that said healthy.',
      () => healthAnswers.healthy,
    ),
    counter(
      'etcd_server_health_failures',
      'Answers of /health that said not healthy.',
      () => healthAnswers.unhealthy,
    ),
  ];
}

function watchMetrics({ current }: MetricSources): MetricDefinition[] {
  return [
    gauge(
      'etcd_debugging_mvcc_watcher_total',
      'Total number of watchers.',
      () => current.hub.statistics().watchers,
    ),
    gauge(
      'etcd_debugging_mvcc_watch_stream_total',
      'Total number of watch streams.',
      () => current.hub.statistics().streams,
    ),
    gauge(
      'etcd_debugging_mvcc_slow_watcher_total',
      'Total number of unsynced slow watchers.',
      () => current.hub.statistics().slowWatchers,
    ),
    counter(
      'etcd_debugging_mvcc_events_total',
      'Total number of events sent by this member.',
      () => current.hub.statistics().eventsDelivered,
    ),
    gauge(
      'etcd_debugging_mvcc_pending_events_total',
      'Responses that wait for a full transport.',
      () => current.hub.statistics().responsesWaiting,
    ),
  ];
}
