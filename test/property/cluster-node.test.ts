/**
 * Goal: nodes of one cluster keep the promises to their clients, whoever leads. Method: real nodes on one memory engine and
 * a network in memory, in manual time.
 */
import { describe, expect, it } from 'vitest';
import { assert, EMPTY_BYTES, SeededRandom, silentLogger } from '../../src/base/index.ts';
import { ClusterNode } from '../../src/cluster/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import type { StoreErrorCode } from '../../src/store/index.ts';
import { ClusterWorld, EAGER, LEASE_MS, sweep, value } from './cluster-world.ts';
import type { Seat, WorldOptions } from './cluster-world.ts';
import { call, put, TestTime } from './store-world.ts';

describe('a node alone', () => {
  it('leads as soon as it has started', async () => {
    const time = new TestTime();
    const node = await ClusterNode.start({
      store: {
        engine: new MemoryEngine(),
        ...{ keyspace: 'test', name: 'a', clock: time, scheduler: time },
        ...{ random: new SeededRandom(1), logger: silentLogger },
      },
      network: undefined,
      serve: () => undefined,
      ...{ peerUrls: [], clientUrls: ['http://a:2379'], leaseMs: 800, renewMs: 200 },
      linearizableReads: 'lease',
    });
    expect(node.leads).toBe(true);
    expect(node.hasLeader()).toBe(true);
    expect(node.leaderId).toBe(node.memberId);
    expect(node.members()).toMatchObject([{ name: 'a', clientUrls: ['http://a:2379'] }]);
    const { revision } = await call<{ revision: number }>((done) => node.store.put(put('a', '1'), 0, done));
    expect(revision).toBe(2);
    await node.close();
  });
});

describe('three nodes', () => {
  it('promise 4: take writes on each, and each reads them at once', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    expect(world.followers).toHaveLength(2);
    let count = 0;
    for (const writer of [...world.seats, ...world.seats])
      for (const reader of world.seats) {
        const written = String(++count);
        expect(await world.wait(writer.put('k', written))).toBe(0);
        expect(value(await world.wait(reader.range('k')))).toBe(written);
      }
    const ids = world.seats.map(({ node }) => node.leaderId);
    expect(new Set(ids)).toEqual(new Set([world.leader.node.memberId]));
    await world.time.advance(1100);
    for (const { node } of world.seats)
      expect(node.members().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('promise 1: another leads within 1.5 s of the death of the first, with all that was acknowledged', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    for (let i = 0; i < 20; i++) await world.wait(world.seats[i % 3]!.put(`k${i}`, String(i)));
    world.kill(world.leader);
    const waiting = world.followers[0]!.put('after', '1');
    const tookMs = await world.until(() => world.seats.some(({ node, isDead }) => node.leads && !isDead));
    expect(tookMs).toBeLessThan(1500);
    expect(await world.wait(waiting)).toBe(0);
    for (const seat of world.seats.filter(({ isDead }) => !isDead)) {
      for (let i = 0; i < 20; i++) expect(value(await world.wait(seat.range(`k${i}`)))).toBe(String(i));
      expect(value(await world.wait(seat.range('after')))).toBe('1');
    }
  });

  it('promise 3: a leader that was deposed follows, and serves on', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const first = world.leader;
    await world.wait(first.put('a', '1'));
    first.node.store.depose();
    expect(first.node.leads).toBe(false);
    await world.until(() => world.seats.some(({ node }) => node.leads));
    const second = world.leader;
    expect(second).not.toBe(first);
    expect(await world.wait(first.put('a', '2'))).toBe(0);
    for (const seat of world.seats) expect(value(await world.wait(seat.range('a')))).toBe('2');
    expect(first.node.leaderId).toBe(second.node.memberId);
    expect(first.node.leaderChanges).toBe(2);
  });

  it('hand the lead over in less than 200 ms when its node is closed, and lose no call of the others', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const first = world.leader;
    await world.wait(first.put('a', '1'));
    const closing = first.node.close();
    const calls = world.followers.map((seat) => seat.put(seat.name, '1'));
    const others = world.seats.filter((seat) => seat !== first);
    const tookMs = await world.until(() => others.some(({ node }) => node.leads));
    expect(tookMs).toBeLessThan(200);
    for (const answer of calls) expect(await world.wait(answer)).toBe(0);
    await world.wait(closing);
    await world.until(() => others.every(({ node }) => node.members().length === 2));
    expect(value(await world.wait(world.followers.find((seat) => seat !== first)!.range('a')))).toBe('1');
  });

  it('move the lead to whom they are told to', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const target = world.followers[1]!;
    await world.time.advance(1100);
    const move = (from: Seat, id: bigint): Promise<StoreErrorCode | undefined> =>
      new Promise((resolve) => from.node.moveLeader(id, resolve));
    expect(await world.wait(move(target, 1n))).toBe('NotLeader');
    expect(await world.wait(move(world.leader, 1n))).toBe('BadLeaderTransferee');
    expect(await world.wait(move(world.leader, target.node.memberId))).toBe(undefined);
    expect(world.leader).toBe(target);
    expect(await world.wait(world.followers[0]!.put('a', '1'))).toBe(0);
  });

  it('tell a size that is not below what is in use, whoever wrote it and however long ago the engine was measured', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    await world.wait(world.leader.put('a', 'x'.repeat(10_000)));
    await world.time.advance(50);
    for (const { node } of world.seats) {
      const { sizeBytes, inUseBytes } = node.store.status();
      expect(inUseBytes).toBeGreaterThan(10_000);
      expect(sizeBytes).toBeGreaterThanOrEqual(inUseBytes);
    }
  });

  it('compact periodically though no node leads for as long as the retention', async () => {
    const autoCompaction = { mode: 'periodic', retentionMs: 20_000 } as const;
    const world = await ClusterWorld.of(['a', 'b', 'c'], { store: { autoCompaction } });
    const compacted = (): number => Math.max(...world.seats.map(({ node }) => node.store.compacted));
    for (let second = 0; second < 50; second += 5) {
      await world.wait(world.leader.put('a', String(second)));
      await world.time.advance(5_000);
      const [target] = world.followers;
      const { memberId } = target!.node;
      await world.wait(new Promise((resolve) => world.leader.node.moveLeader(memberId, resolve)));
      expect(world.leader).toBe(target);
      if (second < 15) expect(compacted()).toBeLessThan(1);
    }
    expect(compacted()).toBeGreaterThan(1);
    expect(compacted()).toBeLessThan(world.leader.node.store.revision);
  });

  it('keep the leader that they have when it is to hand over to a member that is not there', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const { leader } = world;
    const [target, other] = world.followers as [Seat, Seat];
    await world.time.advance(1100);
    const { memberId } = target.node;
    target.isDead = true;
    world.network.cut(target.url);
    await world.time.advance(50);
    const listed = leader.node.members().some(({ id }) => id === memberId);
    expect(listed, 'it is still a member').toBe(true);
    const refusal = new Promise((resolve) => leader.node.moveLeader(memberId, resolve));
    expect(await world.wait(refusal)).toBe('BadLeaderTransferee');
    expect(leader.node.leads).toBe(true);
    expect(await world.wait(other.put('a', '1'))).toBe(0);
    expect(leader.node.store.epoch).toBe(1);
  });

  it('a follower that hears of no leader for three leases says so', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const [follower] = world.followers;
    let lost = 0;
    follower!.node.onLeaderLost(() => lost++);
    expect(follower!.node.hasLeader()).toBe(true);
    world.network.cut(follower!.url);
    await world.time.advance(LEASE_MS * 3 + 500);
    expect(follower!.node.hasLeader()).toBe(false);
    expect(follower!.node.leaderId).toBe(0n);
    expect(lost).toBe(1);
  });

  it('promise 5: a follower that was away during a sweep begins a new state, and says so', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c'], { store: { cleanerLimits: EAGER } });
    const { leader } = world;
    const [follower] = world.followers;
    const before = follower!.node.store;
    await world.wait(leader.put('k0', 'hidden by a removal that the sweep drops'));
    await world.wait(follower!.range('k0'));
    const replaced: unknown[] = [];
    follower!.node.onStore((store) => void replaced.push(store));
    world.network.cut(follower!.url);
    await sweep(world, leader);
    world.network.mend(follower!.url);
    await world.until(() => replaced.length > 0);
    expect(follower!.node.store).not.toBe(before);
    expect(replaced).toEqual([follower!.node.store]);
    expect(value(await world.wait(follower!.range('k0')))).toBe(undefined);
    expect(value(await world.wait(follower!.range('last')))).toBe('2');
    expect(await world.wait(follower!.put('last', '3'))).toBe(0);
    expect(value(await world.wait(follower!.range('last')))).toBe('3');
  });
});

describe('a leader whose clock is slow, and that does not know that another leads', () => {
  interface Answers {
    readonly read: string | undefined;
    readonly keepAlive: string | undefined;
    readonly failedWrite: string | undefined;
  }

  /** What it answers once another has written. */
  async function staleLeader(options: WorldOptions): Promise<Answers> {
    const world = await ClusterWorld.of(['a', 'b', 'c'], { ...options, rates: [0.2, 5, 5] });
    const [slow] = world.seats;
    assert(slow !== undefined && slow.node.leads, 'the first to start leads');
    const { store } = slow.node;
    await world.wait(slow.put('k', '1'));
    await world.wait(call((done) => store.leaseGrant({ id: 1n, ttl: 600 }, done)));
    let goOn = (): void => undefined;
    slow.stalled = new Promise((resolve) => (goOn = resolve));
    const others = world.seats.slice(1);
    await world.until(() => others.some(({ node }) => node.leads));
    const second = others.find(({ node }) => node.leads);
    expect(await world.wait(second!.put('k', '2'))).toBe(0);
    const told = (answer: Promise<string | undefined>): Promise<string | undefined> =>
      world.wait(answer.catch((error: unknown) => String(error)));
    const absent = { key: Buffer.from('absent'), rangeEnd: EMPTY_BYTES, prevKv: false };
    const keepAlive = await told(
      call<{ ttl: number }>((done) => store.leaseKeepAlive(1n, done)).then(({ ttl }) => String(ttl)),
    );
    const failedWrite = await told(
      call<{ deleted: number }>((done) => store.deleteRange(absent, 0, done)).then(({ deleted }) =>
        String(deleted),
      ),
    );
    const reading = slow.range('k').then(value);
    await world.time.advance(500);
    goOn();
    await world.until(() => !slow.node.leads);
    const read = await told(reading);
    expect(value(await world.wait(slow.range('k')))).toBe('2');
    return { read, keepAlive, failedWrite };
  }

  it('promise 4: answers with --linearizable-reads=engine nothing that is not so any more, and then follows', async () => {
    const refusal = 'Error: LeaderChanged';
    const answers = await staleLeader({ linearizableReads: 'engine' });
    expect(answers).toEqual({ read: '2', keepAlive: refusal, failedWrite: refusal });
  });

  it('answers from what it knows with the lease, for which clocks must run alike', async () => {
    const answers = await staleLeader({ linearizableReads: 'lease' });
    expect(answers).toEqual({ read: '1', keepAlive: '600', failedWrite: '0' });
  });

  it('answers a keep-alive with the fault that is planted for that', async () => {
    const faults = new Set(['keep-alive-without-lease']);
    const { keepAlive } = await staleLeader({ linearizableReads: 'engine', store: { faults } });
    expect(keepAlive).toBe('600');
  });
});
