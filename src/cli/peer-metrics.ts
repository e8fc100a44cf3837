import type { ClusterNode } from '../cluster/index.ts';
import { PeerTraffic, type PeerFigures } from '../server/index.ts';
import {
  exponentialBounds,
  Histogram,
  LabelledHistograms,
  type MetricDefinition,
  type Sample,
} from '../telemetry/index.ts';

export type MeasuredTraffic = PeerTraffic<Histogram>;

export interface PeerMetricSources {
  readonly node: Pick<ClusterNode, 'store' | 'memberId' | 'members'>;
  readonly traffic: MeasuredTraffic | undefined;
}

const ROUND_TRIPS = {
  name: 'etcd_network_peer_round_trip_time_seconds',
  help: 'How long a question to another member and its answer take on a link, waiting included.',
} as const;

/** etcd's buckets: 0.1 ms, 0.2 ms, ... 3.2768 s (server/etcdserver/api/rafthttp/metrics.go). */
const ROUND_TRIP_BOUNDS = exponentialBounds(0.0001, 2, 16);

export function newPeerTraffic(): MeasuredTraffic {
  return new PeerTraffic(() => new Histogram(ROUND_TRIPS.name, ROUND_TRIPS.help, ROUND_TRIP_BOUNDS));
}

export function roundTripTimes(sources: PeerMetricSources): LabelledHistograms {
  return new LabelledHistograms({ ...ROUND_TRIPS, label: 'To' }, () =>
    peersOf(sources).map(([id, { roundTrips }]) => [id, roundTrips] as const),
  );
}

export function peerMetrics(sources: PeerMetricSources): MetricDefinition[] {
  return [knownPeers(sources), ...trafficMetrics(sources)];
}

function knownPeers({ node }: PeerMetricSources): MetricDefinition {
  return {
    name: 'etcd_network_known_peers',
    help: 'Live members that this one knows of, itself included. 1 for each pair of IDs.',
    kind: 'gauge',
    labels: ['Local', 'Remote'],
    read: () => {
      const { memberId } = node;
      return node.members().map(({ id }) => ({
        labels: { Local: memberId.toString(16), Remote: id.toString(16) },
        value: 1,
      }));
    },
  };
}

function trafficMetrics(sources: PeerMetricSources): MetricDefinition[] {
  const perPeer = (
    { name, help, label }: { readonly name: string; readonly help: string; readonly label: 'To' | 'From' },
    value: (figures: PeerFigures) => number,
  ): MetricDefinition => ({
    ...{ name, help, kind: 'counter', labels: [label] },
    read: (): Sample[] =>
      peersOf(sources).map(([id, figures]) => ({ labels: { [label]: id }, value: value(figures) })),
  });
  return [
    perPeer(
      {
        name: 'etcd_network_peer_sent_bytes_total',
        help: 'Bytes of messages that were sent to another member.',
        label: 'To',
      },
      ({ sentBytes }) => sentBytes,
    ),
    perPeer(
      {
        name: 'etcd_network_peer_received_bytes_total',
        help: 'Bytes of messages that came from another member.',
        label: 'From',
      },
      ({ receivedBytes }) => receivedBytes,
    ),
    perPeer(
      {
        name: 'etcd_network_peer_sent_failures_total',
        help: 'Links to another member that did not come about, or broke.',
        label: 'To',
      },
      ({ failures }) => failures,
    ),
  ];
}

/** By member id, as etcd writes it in labels. */
function peersOf({ node, traffic }: PeerMetricSources): [string, PeerFigures & { roundTrips: Histogram }][] {
  const peers = [...(traffic?.all() ?? [])];
  return peers.map((figures) => [node.store.memberId(figures.name).toString(16), figures]);
}
