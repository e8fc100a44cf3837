/**
 * Goal: nodes of one cluster keep the promises to their clients, whoever leads. Method: real nodes on one memory engine and
 * a network in memory, in manual time.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import { ClusterNode } from '../../src/cluster/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { call, put, TestTime } from './store-world.ts';

describe('a node alone', () => {
  it('leads as soon as it has started', async () => {
    const time = new TestTime();
    const starting = ClusterNode.start({
      store: {
        engine: new MemoryEngine(),
        ...{ keyspace: 'test', name: 'a', clock: time, scheduler: time },
        ...{ random: new SeededRandom(1), logger: silentLogger },
      },
      network: undefined,
      serve: () => undefined,
      ...{
        peerUrls: [],
        clientUrls: ['http://a:2379'],
        leaseMs: 800,
        renewMs: 200,
        linearizableReads: 'lease',
      },
    });
    const node = await starting;
    expect(node.leads).toBe(true);
    expect(node.hasLeader()).toBe(true);
    expect(node.leaderId).toBe(node.memberId);
    expect(node.members()).toMatchObject([{ name: 'a', clientUrls: ['http://a:2379'] }]);
    const { revision } = await call<{ revision: number }>((done) => node.store.put(put('a', '1'), 0, done));
    expect(revision).toBe(2);
    await node.close();
    expect(node.leads).toBe(true);
  });
});
