/** Goal: what a member says of itself in metrics is what it says in Status. Method: the real metrics of a node that is made up. */
import { describe, expect, test } from 'vitest';
import { commitHistograms, serverMetrics, type MetricSources } from './metrics.ts';

/** What the metrics read of a node that is not about its part in the cluster. */
const REST = {
  members: () => [],
  readIndexes: { failed: 0, timeouts: 0 },
  ...{ memberId: 1n, leaderChanges: 1, followers: 2, announced: 7 },
};

async function metricsOf(node: { leads: boolean; hasLeader: boolean }): Promise<string> {
  const statistics = { watchers: 0, streams: 0, slowWatchers: 0, eventsDelivered: 0, responsesWaiting: 0 };
  const operations = { puts: 0, deletes: 0, ranges: 0, txns: 0 };
  const sizes = { sizeBytes: 0, inUseBytes: 0, quotaBytes: 0, proposedBytes: 0, memoryBytes: 0 };
  const status = { ...sizes, operations, keys: 0, liveKeys: 0, leases: 0, alarms: [], refusal: undefined };
  const sources = {
    current: {
      store: { status: () => status, revision: 1, compacted: 0, sequence: 7, epoch: 1 },
      hub: { statistics: () => statistics },
    },
    node: { ...REST, leads: node.leads, hasLeader: () => node.hasLeader },
    counters: [],
    forwarded: { served: 0 },
    healthAnswers: { healthy: 0, unhealthy: 0 },
    traffic: undefined,
  };
  const { text } = await serverMetrics(sources as unknown as MetricSources, commitHistograms()).text();
  return text;
}

describe('the part of a member in its cluster', () => {
  test.each([
    { leads: true, hasLeader: true, says: [1, 1] },
    { leads: false, hasLeader: true, says: [1, 0] },
    { leads: false, hasLeader: false, says: [0, 0] },
    // Its lease is over: another may lead, and says so too.
    { leads: true, hasLeader: false, says: [0, 0] },
  ])('leads: $leads, has a leader: $hasLeader', async ({ leads, hasLeader, says }) => {
    const text = await metricsOf({ leads, hasLeader });
    expect(text).toContain(`\netcd_server_has_leader ${says[0]}\n`);
    expect(text).toContain(`\netcd_server_is_leader ${says[1]}\n`);
  });
});
