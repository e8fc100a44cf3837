/**
 * Goal: what befalls the store or the engine under a node ends in what the design says, and said aloud. Method: real nodes
 * on one memory engine, whose content and answers a test changes.
 */
import { describe, expect, it } from 'vitest';
import { decodeLeaderRecord } from '../../src/cluster/index.ts';
import type { LeaderRecord } from '../../src/cluster/index.ts';
import { LogKeys } from '../../src/log/index.ts';
import { AlarmAction, AlarmType } from '../../src/store/index.ts';
import type { AlarmResult } from '../../src/store/index.ts';
import { ClusterWorld, EAGER, Seat, sweep, value } from './cluster-world.ts';
import { call } from './store-world.ts';

/** gRPC's code of etcd's `corrupt cluster`. */
const DATA_LOSS = 15;

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('an engine that does not answer', () => {
  it('is waited for at the start', async () => {
    const world = await ClusterWorld.of(['a', 'b']);
    const seat = new Seat('c', world.time, world.engine, 1);
    seat.trouble = 'away';
    let hasStarted = false;
    const starting = world.start(seat, 3, {}).then(() => (hasStarted = true));
    await world.time.advance(5000);
    expect(hasStarted).toBe(false);
    seat.trouble = undefined;
    await world.wait(starting);
    await world.wait(seat.node.whenReadable());
    expect(await world.wait(seat.put('a', '1'))).toBe(0);
    expect(value(await world.wait(seat.range('a')))).toBe('1');
  });

  it.each([true, false])('does not keep a node from closing (it leads: %s)', async (leads) => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const seat = leads ? world.leader : world.followers[0]!;
    seat.trouble = 'hangs';
    void seat.put('a', '1');
    await world.time.advance(250);
    let isClosed = false;
    void seat.node.close().then(() => (isClosed = true));
    expect(await world.until(() => isClosed)).toBeLessThan(1100);
  });
});

it('a hand-over that nobody takes ends when the node is closed', async () => {
  const world = await ClusterWorld.of(['a', 'b']);
  const { leader } = world;
  const [target] = world.followers;
  await world.time.advance(1100);
  const ended: unknown[] = [];
  leader.node.moveLeader(target!.node.memberId, (refusal) => ended.push(refusal));
  world.kill(target!);
  await world.time.advance(100);
  expect(ended).toEqual([]);
  await world.wait(leader.node.close());
  expect(ended).toEqual(['Timeout']);
});

it('a leader that writes, but cannot renew its lease, leads no more: else it keeps others from taking over', async () => {
  const world = await ClusterWorld.of(['a', 'b']);
  const { leader } = world;
  const [candidate] = world.followers;
  // It stands for one that claims, and loses every race for the head against the writes.
  candidate!.trouble = 'away';
  let land = (): void => undefined;
  leader.stalledLease = new Promise<void>((resolve) => (land = resolve));
  const writing = async (): Promise<void> => {
    while (leader.node.leads) {
      await leader.put('a', '1').catch(() => undefined);
      await new Promise<void>((resolve) => leader.scheduler.after(10, resolve));
    }
  };
  void writing();
  // Nothing else could be done meanwhile, but others might have been slow to claim it.
  await world.time.advance(2400);
  expect(leader.node.leads).toBe(true);
  await world.time.advance(1000);
  expect(leader.node.leads).toBe(false);
  candidate!.trouble = undefined;
  await world.until(() => candidate!.node.leads);
  expect(await world.wait(candidate!.put('a', '2'))).toBe(0);
  land();
  expect(value(await world.wait(leader.range('a')))).toBe('2');
});

describe('a node whose log cannot be gone on with', () => {
  async function leaderRecord(world: ClusterWorld): Promise<LeaderRecord> {
    const key = Buffer.from('engram/test/leader');
    const found = (await world.stored()).find((entry) => Buffer.compare(entry.key, key) === 0);
    return decodeLeaderRecord(found!.value);
  }

  async function isCorrupt(world: ClusterWorld, seat: Seat, shown: string): Promise<void> {
    const { node } = seat;
    const { store } = node;
    await world.until(() => store.status().refusal === 'Corrupt');
    expect(store.status().alarms).toEqual([{ member: node.memberId, alarm: AlarmType.corrupt }]);
    const { sequence } = store;
    expect(value(await world.wait(seat.range('a', true)))).toBe(shown);
    await expect(world.wait(seat.range('a'))).rejects.toEqual(refused('Corrupt'));
    // Not a time-out after seven seconds without a leader.
    expect(await world.wait(seat.put('a', 'x'))).toBe(DATA_LOSS);
    const request = { action: AlarmAction.get, member: 0n, alarm: AlarmType.none };
    const { alarms } = await world.wait(call<AlarmResult>((done) => store.alarm(request, done)));
    expect(alarms).toEqual([{ member: node.memberId, alarm: AlarmType.corrupt }]);
    for (const other of world.seats) if (other !== seat) world.kill(other);
    await world.time.advance(1000);
    const record = await leaderRecord(world);
    await world.time.advance(10_000);
    // It does not keep those from leading who can.
    expect(record.name !== seat.name || record.released).toBe(true);
    expect(await leaderRecord(world)).toEqual(record);
    expect(node.store).toBe(store);
    expect([store.sequence, node.leads]).toEqual([sequence, false]);
    expect(value(await world.wait(seat.range('a', true)))).toBe(shown);
    await world.wait(node.close());
  }

  it('promise 1: a follower whose store has forgotten raises CORRUPT, and shows on what it has', async () => {
    const world = await ClusterWorld.of(['a', 'b', 'c']);
    const [follower] = world.followers;
    const backup = await world.stored();
    await world.wait(world.leader.put('a', '1'));
    expect(value(await world.wait(follower!.range('a')))).toBe('1');
    world.network.cut(follower!.url);
    await world.wait(world.leader.put('a', '2'));
    await world.store(...backup);
    world.network.mend(follower!.url);
    await isCorrupt(world, follower!, '1');
  });

  it('promise 1: so does one for which the chunk is gone that would show it, since it was merged with a later one', async () => {
    const world = await ClusterWorld.of(['a', 'b'], { store: { cleanerLimits: EAGER } });
    const follower = world.followers[0]!;
    const backup = await world.stored();
    for (const text of ['x', 'y', '1']) await world.wait(world.leader.put('a', text));
    expect(value(await world.wait(follower.range('a')))).toBe('1');
    world.kill(world.leader);
    follower.trouble = 'away';
    world.network.cut(follower.url);
    const all = (await world.stored()).map(({ key }) => ({ key, value: undefined }));
    await world.store(...all);
    await world.store(...backup);
    const other = await world.add('c', 2, { store: { cleanerLimits: EAGER } });
    await world.until(() => other.node.leads);
    for (let i = 0; i < 8; i++) await world.wait(other.put(`k${i % 2}`, 'other'));
    const { store } = other.node;
    const { revision } = store;
    await world.wait(call((done) => store.compact({ revision, physical: true }, done)));
    for (let i = 0; i < 3; i++) await world.wait(other.put('last', String(i)));
    await world.wait(store.defragment());
    follower.trouble = undefined;
    world.network.mend(follower.url);
    await isCorrupt(world, follower, '1');
  });

  it.each(['catches up', 'takes over'])(
    'a node that meets a damaged chunk when it %s raises CORRUPT, and shows on what it has',
    async (when) => {
      const world = await ClusterWorld.of(['a', 'b', 'c']);
      const { leader } = world;
      const [follower] = world.followers;
      await world.wait(leader.put('a', '1'));
      expect(value(await world.wait(follower!.range('a')))).toBe('1');
      world.network.cut(follower!.url);
      await world.wait(leader.put('a', '2'));
      const key = Buffer.from(new LogKeys('test').slot(leader.node.store.sequence));
      const found = (await world.stored()).find((entry) => Buffer.compare(entry.key, key) === 0);
      const chunk = Buffer.from(found!.value);
      chunk[chunk.length - 1]! ^= 1;
      await world.wait(leader.put('a', '3'));
      await world.store({ key, value: chunk });
      if (when === 'catches up') world.network.mend(follower!.url);
      else for (const other of world.seats) if (other !== follower) world.kill(other);
      await isCorrupt(world, follower!, '1');
    },
  );
});

describe('a sweep that has passed a node', () => {
  it('promise 5: and then the new state, too, before it was shown, does not keep it from leading', async () => {
    const world = await ClusterWorld.of(['a', 'b'], { store: { cleanerLimits: EAGER } });
    const { leader } = world;
    const [follower] = world.followers;
    const { node, url } = follower!;
    await world.wait(leader.put('k0', 'hidden by a removal that the sweep drops'));
    await world.wait(follower!.range('k0'));
    world.network.cut(url);
    await sweep(world, leader);
    const { store } = node;
    const catchUp = store.catchUp.bind(store);
    store.catchUp = async (sequence) => {
      store.catchUp = catchUp;
      try {
        await catchUp(sequence);
      } finally {
        world.network.cut(url);
        follower!.trouble = 'away';
      }
    };
    world.network.mend(url);
    await world.until(() => follower!.trouble === 'away');
    // More than was announced: what is read anew is not shown.
    await world.wait(leader.put('later', '1'));
    follower!.trouble = undefined;
    await world.time.advance(3000);
    expect(node.store).toBe(store);
    await sweep(world, leader);
    await sweep(world, leader);
    world.kill(leader);
    expect(await world.until(() => node.leads)).toBeLessThan(6000);
    expect(value(await world.wait(follower!.range('last')))).toBe('2');
    expect(value(await world.wait(follower!.range('k0')))).toBe(undefined);
  });

  it('promise 5: which then takes over begins a new state first, and leads with that', async () => {
    const world = await ClusterWorld.of(['a', 'b'], { store: { cleanerLimits: EAGER } });
    const { leader } = world;
    const [follower] = world.followers;
    const { node } = follower!;
    await world.wait(leader.put('k0', 'hidden by a removal that the sweep drops'));
    await world.wait(follower!.range('k0'));
    const before = node.store;
    const replaced: unknown[] = [];
    node.onStore((store) => void replaced.push(store));
    world.network.cut(follower!.url);
    await sweep(world, leader);
    world.kill(leader);
    const tookMs = await world.until(() => node.leads);
    expect(tookMs).toBeLessThan(6000);
    expect(node.store).not.toBe(before);
    expect(replaced).toEqual([node.store]);
    expect(value(await world.wait(follower!.range('k0')))).toBe(undefined);
    expect(value(await world.wait(follower!.range('last')))).toBe('2');
    expect(await world.wait(follower!.put('last', '3'))).toBe(0);
  });

  it.each(['away', 'refuses'] as const)(
    'promise 5: waits for the new state while the engine %s',
    async (trouble) => {
      const world = await ClusterWorld.of(['a', 'b'], { store: { cleanerLimits: EAGER } });
      const { leader } = world;
      const [follower] = world.followers;
      const { node, url } = follower!;
      await world.wait(follower!.range('k0'));
      world.network.cut(url);
      await sweep(world, leader);
      const { store } = node;
      const catchUp = store.catchUp.bind(store);
      store.catchUp = async (sequence) => {
        try {
          await catchUp(sequence);
        } finally {
          follower!.trouble = trouble;
        }
      };
      world.network.mend(url);
      await world.until(() => follower!.trouble === trouble);
      await world.time.advance(5000);
      expect(node.store).toBe(store);
      follower!.trouble = undefined;
      await world.until(() => node.store !== store);
      expect(value(await world.wait(follower!.range('last')))).toBe('2');
    },
  );
});
