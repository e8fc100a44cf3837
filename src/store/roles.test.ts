import { describe, expect, it } from 'vitest';
import {
  deleteRange,
  GatedEngine,
  op,
  put,
  range,
  StoreWorld,
  txn,
} from '../../test/property/store-world.ts';
import type { CommittedChunk } from '../log/index.ts';
import type { ReadIndex } from './options.ts';
import type { StoreErrorCode } from './errors.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });
const ALL = range('\0', '\0', { serializable: true });

/** What a leader tells its followers: the chunks of each of its commits. */
class Pushes {
  readonly commits: (readonly CommittedChunk[])[] = [];

  constructor(leader: StoreWorld) {
    leader.store.onCommit((_revision, chunks) => void this.commits.push(chunks));
  }

  /** All of them reach the follower. */
  deliver({ store }: StoreWorld): void {
    for (const chunks of this.commits.splice(0)) {
      store.announce(chunks.at(-1)?.sequence ?? 0);
      store.apply(chunks);
    }
  }
}

async function pair(options: Parameters<typeof StoreWorld.follow>[0] = {}) {
  const engine = new GatedEngine();
  const leader = await StoreWorld.open({}, engine);
  const pushes = new Pushes(leader);
  const follower = await StoreWorld.follow(options, engine);
  follower.store.announce(leader.store.sequence);
  return { engine, leader, pushes, follower };
}

describe('a store that follows', () => {
  it('promise 4: has the state of its leader once a commit has been pushed, and shows it to who listens', async () => {
    const { leader, pushes, follower } = await pair();
    const shown: number[] = [];
    follower.store.onCommit((revision) => void shown.push(revision));
    await leader.grant(1n, 60);
    await leader.put(put('a', '1', { lease: 1n }));
    await leader.put(put('b', '1'));
    await leader.deleteRange(deleteRange('b'));
    pushes.deliver(follower);
    expect(await follower.range(ALL)).toEqual(await leader.range(ALL));
    expect(shown.at(-1)).toBe(leader.store.revision);
    const { leases, keys, epoch } = leader.store.status();
    expect(follower.store.status()).toMatchObject({ leases, keys, epoch });
    await leader.revoke(1n);
    await leader.compact(leader.store.revision);
    pushes.deliver(follower);
    expect(await follower.range(ALL)).toEqual(await leader.range(ALL));
    expect(follower.store.compacted).toBe(leader.store.compacted);
  });

  it('reads from the engine up to what was announced, and nothing above', async () => {
    const { leader, follower } = await pair();
    await leader.put(put('a', '1'));
    const { sequence } = leader.store;
    await leader.put(put('a', '2'));
    await follower.store.catchUp(sequence);
    expect(follower.store.sequence).toBe(sequence);
    expect((await follower.range(ALL)).kvs).toMatchObject([{ value: '1' }]);
    await follower.store.catchUp(leader.store.sequence);
    expect((await follower.range(ALL)).kvs).toMatchObject([{ value: '2' }]);
  });

  it('goes on with pushed commits after it has read from the engine, and the reverse', async () => {
    const { leader, pushes, follower } = await pair();
    for (let i = 0; i < 20; i++) {
      await leader.put(put(`k${i % 3}`, String(i)));
      if (i % 4 === 1) await follower.store.catchUp(leader.store.sequence);
      if (i % 4 === 3) {
        pushes.commits.splice(0, pushes.commits.length - 2);
        pushes.deliver(follower);
      } else if (i % 4 === 1) pushes.commits.length = 0;
    }
    expect(await follower.range(ALL)).toEqual(await leader.range(ALL));
  });

  it('applies no commit with a gap before it', async () => {
    const { leader, pushes, follower } = await pair();
    await leader.put(put('a', '1'));
    await leader.put(put('a', '2'));
    pushes.commits.shift();
    expect(() => pushes.deliver(follower)).toThrow(/what is before it ends at/);
  });

  it('refuses what needs the lead', async () => {
    const { follower } = await pair();
    await expect(follower.put(put('a'))).rejects.toEqual(refused('NoLeader'));
    await expect(follower.grant(1n, 60)).rejects.toEqual(refused('NoLeader'));
    await expect(follower.keepAlive(1n)).rejects.toEqual(refused('NoLeader'));
    await expect(follower.compact(1)).rejects.toEqual(refused('NoLeader'));
    await expect(follower.range(range('a'))).rejects.toEqual(refused('NoLeader'));
  });

  it('shows nothing of what it found at its start before a leader has announced it', async () => {
    const engine = new GatedEngine();
    const leader = await StoreWorld.open({}, engine);
    await leader.put(put('a', '1'));
    const follower = await StoreWorld.follow({}, engine);
    expect(follower.store.readable).toBe(false);
    await expect(follower.range(ALL)).rejects.toEqual(refused('NoLeader'));
    follower.store.announce(leader.store.sequence - 1);
    expect(follower.store.readable).toBe(false);
    follower.store.announce(leader.store.sequence);
    expect((await follower.range(ALL)).kvs).toMatchObject([{ value: '1' }]);
  });

  it('promise 4: waits with a linearizable read until the read index is applied', async () => {
    const asked: ((refusal: StoreErrorCode | undefined) => void)[] = [];
    const readIndex: ReadIndex = { always: false, ask: (done) => void asked.push(done) };
    const { leader, pushes, follower } = await pair({ readIndex });
    await leader.put(put('a', '1'));
    const read = follower.range(range('a'));
    expect(asked).toHaveLength(1);
    pushes.deliver(follower);
    asked[0]?.(undefined);
    expect((await read).kvs).toMatchObject([{ value: '1' }]);
    const refusedRead = follower.range(range('a'));
    asked[1]?.('Timeout');
    await expect(refusedRead).rejects.toEqual(refused('Timeout'));
  });
});

describe('the lead goes from one store to another', () => {
  it('promise 3: and back, with all that was acknowledged and nothing that was not', async () => {
    const { leader: first, follower: second } = await pair();
    await first.put(put('a', '1'));
    expect(await second.store.lead()).toBe(true);
    await expect(first.put(put('a', 'lost'))).rejects.toEqual(refused('LeaderChanged'));
    expect(first.store.leads).toBe(false);
    await second.put(put('b', '2'));
    await first.store.catchUp(second.store.sequence);
    expect(await first.range(ALL)).toEqual(await second.range(ALL));
    expect((await first.range(ALL)).kvs).toMatchObject([
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ]);
    expect(await first.store.lead()).toBe(true);
    expect(first.store.epoch).toBe(3);
    await first.put(put('c', '3'));
    await expect(second.put(put('c', 'lost'))).rejects.toEqual(refused('LeaderChanged'));
    await second.store.catchUp(first.store.sequence);
    expect(await second.range(ALL)).toEqual(await first.range(ALL));
  });

  it('promise 4: shows nothing of what a take-over has found before its epoch has begun', async () => {
    const { engine, leader, follower } = await pair();
    await leader.put(put('a', '1'));
    const told: number[] = [];
    follower.store.onCommit((revision) => void told.push(revision));
    const before = follower.store.revision;
    engine.hold();
    const leading = follower.store.lead();
    // The log is read, and the commit that begins the epoch is under way.
    while (follower.store.sequence < leader.store.sequence)
      await new Promise((resolve) => setImmediate(resolve));
    expect([follower.store.readable, follower.store.revision, told]).toEqual([false, before, []]);
    engine.release();
    expect(await leading).toBe(true);
    expect(told).toContain(before + 1);
    expect((await follower.range(ALL)).kvs).toMatchObject([{ value: '1' }]);
  });

  it('is not taken with an epoch that is not higher than all before', async () => {
    const { leader, follower } = await pair();
    expect(await follower.store.lead(leader.store.epoch)).toBe(false);
    expect(follower.store.leads).toBe(false);
    expect((await leader.put(put('a', '1'))).revision).toBe(2);
    expect(await follower.store.lead(leader.store.epoch + 5)).toBe(true);
    expect(follower.store.epoch).toBe(6);
  });

  it('promise 6: what is proposed when it is given up is taken back, and what has landed is acknowledged', async () => {
    const { engine, leader } = await pair();
    engine.hold();
    const flying = leader.put(put('a', '1'));
    await Promise.resolve();
    leader.store.depose();
    await expect(leader.put(put('b', '1'))).rejects.toEqual(refused('LeaderChanged'));
    expect((await leader.range(ALL)).kvs).toEqual([]);
    engine.release();
    expect((await flying).revision).toBe(2);
    await leader.store.catchUp(Infinity);
    expect((await leader.range(ALL)).kvs).toMatchObject([{ key: 'a', value: '1' }]);
    expect(await leader.store.lead()).toBe(true);
    await leader.put(put('b', '2'));
    await leader.store.close();
  });

  it('leases have their full time again with a new leader', async () => {
    const { leader, follower } = await pair();
    await leader.grant(1n, 10);
    await leader.put(put('a', '1', { lease: 1n }));
    await leader.time.advance(8000);
    expect(await follower.store.lead()).toBe(true);
    expect((await follower.timeToLive(1n)).ttl).toBe(10);
    await follower.time.advance(8000);
    expect((await follower.range(range('a'))).kvs).toHaveLength(1);
    await follower.time.advance(3500);
    expect((await follower.range(range('a'))).kvs).toHaveLength(0);
  });
});

describe('what a store counts', () => {
  it('puts and deletes that it has made or applied, once each', async () => {
    const { leader, pushes, follower } = await pair();
    await leader.put(put('a'));
    await leader.txn(txn([], [op.put('b'), op.put('c'), op.range('a')]));
    await leader.deleteRange(deleteRange('a', 'c'));
    await leader.range(range('c'));
    pushes.deliver(follower);
    expect(figures(leader)).toEqual({ puts: 3, deletes: 2, ranges: 2, txns: 1 });
    expect(figures(follower)).toEqual({ puts: 3, deletes: 2, ranges: 0, txns: 0 });
    await follower.range(range('c', undefined, { serializable: true }));
    await follower.txn(txn([], [op.range('a', undefined, { serializable: true })]));
    expect(figures(follower)).toMatchObject({ ranges: 2, txns: 0 });
  });

  it('nothing that it read at its start', async () => {
    const engine = new GatedEngine();
    const leader = await StoreWorld.open({}, engine);
    await leader.put(put('a'));
    const follower = await StoreWorld.follow({}, engine);
    expect(figures(follower)).toMatchObject({ puts: 0 });
    await leader.put(put('a'));
    await follower.store.catchUp(leader.store.sequence);
    expect(figures(follower)).toMatchObject({ puts: 1 });
  });

  it('what was taken back with the lead no more, and never less than it has told', async () => {
    const { engine, leader } = await pair();
    await leader.put(put('a'));
    engine.hold();
    const flying = leader.put(put('b'));
    await Promise.resolve();
    const waiting = leader.put(put('c'));
    expect(figures(leader)).toMatchObject({ puts: 3 });
    leader.store.depose();
    await expect(waiting).rejects.toEqual(refused('LeaderChanged'));
    expect(figures(leader)).toMatchObject({ puts: 3 });
    engine.release();
    await flying;
    await leader.store.catchUp(leader.store.sequence + 1);
    expect(figures(leader)).toMatchObject({ puts: 3 });
    await leader.store.lead(7);
    for (const key of ['d', 'e']) await leader.put(put(key));
    expect(figures(leader)).toMatchObject({ puts: 4 });
  });
});

function figures({ store }: StoreWorld): object {
  const { puts, deletes, ranges, txns } = store.status().operations;
  return { puts, deletes, ranges, txns };
}
