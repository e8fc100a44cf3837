import { describe, expect, it } from 'vitest';
import type { TestClient } from '../../test/property/watch-world.ts';
import { WatchWorld } from '../../test/property/watch-world.ts';

function revisionsOf(client: TestClient, id: number): number[] {
  return client.responses
    .filter((r) => r.watchId === id)
    .flatMap((r) => r.events.map((e) => e.kv.modRevision));
}

function from(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe('catching up', () => {
  it('promise 5: replays from the start revision on, then goes on live', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 20; i++) world.put(i % 2 === 0 ? 'a' : 'b');
    const client = world.open();
    client.create({ key: 'a', end: 'z', start: 5 });
    client.create({ key: 'a', start: 5 });
    await world.settle();
    world.put('a');
    expect(revisionsOf(client, 0)).toEqual(from(5, 22));
    expect(revisionsOf(client, 1)).toEqual(from(5, 22).filter((r) => r % 2 === 0));
    expect(world.hub.statistics().slowWatchers).toBe(0);
  });

  it('the header revision is what has been received, never above (the one meant difference to etcd)', async () => {
    const world = new WatchWorld({ responseRevisionsMax: 5 });
    for (let i = 0; i < 20; i++) world.put('k');
    world.put('other');
    const client = world.open();
    client.create({ key: 'k', start: 1 });
    client.create({ key: 'a', end: 'l', start: 1 });
    await world.settle();
    for (const id of [0, 1]) {
      const responses = client.responses.filter((r) => r.watchId === id && r.events.length > 0);
      expect(responses.map((r) => r.events.length)).toEqual([5, 5, 5, 5]);
      expect(responses.slice(0, 3).map((r) => r.revision)).toEqual([6, 11, 16]);
    }
  });

  it('responses end at about the bound of bytes, but never inside a revision', async () => {
    const world = new WatchWorld({ responseBytesMax: 1000 });
    for (let i = 0; i < 5; i++) {
      world.write(...from(0, 9).map((n) => ({ key: `k${n}`, value: 'x'.repeat(300) })));
    }
    const client = world.open();
    client.create({ key: 'k', end: 'l', start: 1 });
    await world.settle();
    expect(client.take().map((r) => r.events.length)).toEqual([0, 10, 10, 10, 10, 10]);
  });

  it('a single key goes by its own versions, not through the history of all', async () => {
    const world = new WatchWorld();
    world.put('k');
    for (let i = 0; i < 3000; i++) world.put(`other${i % 50}`);
    world.put('k');
    let looks = 0;
    const original = world.index.historyAt.bind(world.index);
    world.index.historyAt = (position) => {
      looks++;
      return original(position);
    };
    const client = world.open();
    client.create({ key: 'k', start: 1 });
    await world.settle();
    expect(revisionsOf(client, 0)).toEqual([2, 3003]);
    expect(looks).toBe(0);
  });

  it('a key with very many versions comes in parts, complete and in order', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 3000; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'k', start: 10 });
    await world.settle();
    expect(revisionsOf(client, 0)).toEqual(from(10, 3001));
  });

  it('watchers that are near share one pass over the history', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 1000; i++) world.put('k');
    let looks = 0;
    const original = world.index.historyAt.bind(world.index);
    world.index.historyAt = (position) => {
      looks++;
      return original(position);
    };
    const client = world.open();
    for (let i = 0; i < 50; i++) client.create({ key: 'a', end: 'z', start: 2 + i });
    await world.settle();
    for (let i = 0; i < 50; i++) expect(revisionsOf(client, i)).toEqual(from(2 + i, 1001));
    expect(looks).toBeLessThan(1100);
  });

  it('promise 7: passes over the history are bounded; the others wait for their turn', async () => {
    const world = new WatchWorld({ historyPassesMax: 2, nearRevisionsMax: 3, sliceStepsMax: 20 });
    for (let i = 0; i < 200; i++) world.put('k');
    const client = world.open();
    for (let i = 0; i < 40; i++) client.create({ key: 'a', end: 'z', start: 200 - i * 5 });
    for (let i = 0; i < 20; i++) {
      world.put('k');
      world.scheduler.turn();
    }
    await world.settle();
    for (let i = 0; i < 40; i++) expect(revisionsOf(client, i)).toEqual(from(Math.max(2, 200 - i * 5), 221));
    expect(world.hub.statistics().slowWatchers).toBe(0);
  });

  it('promise 7: of one stream only so many catch up at a time', async () => {
    const world = new WatchWorld({ catchingUpPerStreamMax: 3 });
    for (let i = 0; i < 10; i++) world.put('k');
    const client = world.open();
    for (let i = 0; i < 20; i++) client.create({ key: 'k', end: 'l', start: 2 });
    expect(world.hub.statistics().slowWatchers).toBe(20);
    await world.settle();
    for (let i = 0; i < 20; i++) expect(revisionsOf(client, i)).toEqual(from(2, 11));
  });

  it('goes on after a full transport where it stopped', async () => {
    const world = new WatchWorld({ responseRevisionsMax: 7 });
    for (let i = 0; i < 50; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'k', end: 'l', start: 2 });
    client.create({ key: 'k', start: 2 });
    for (let i = 0; i < 60; i++) {
      client.drain(1);
      await world.settle();
      if (i % 4 === 0) world.put('k');
    }
    expect(revisionsOf(client, 0)).toEqual(from(2, 66));
    expect(revisionsOf(client, 1)).toEqual(from(2, 66));
  });
});

describe('compaction', () => {
  it('cancels a lagging watcher below it with the compact revision, and no other', async () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    client.create({ key: 'k', end: 'l' });
    client.create({ key: 'z' });
    client.take();
    client.room = 1;
    for (let i = 0; i < 10; i++) world.put('k');
    world.put('z');
    client.take();
    world.compact(8);
    world.trim();
    client.drain(Infinity);
    await world.settle();
    const responses = client.take().map((r) => [r.watchId, r.canceled, r.compactRevision, r.events.length]);
    expect(responses.sort()).toEqual([
      [0, true, 8, 0],
      [1, true, 8, 0],
      [2, false, 0, 1],
    ]);
  });

  it('promise 5: above all that is committed here, as a follower meets it, cancels synced watchers too', async () => {
    const world = new WatchWorld({ sliceStepsMax: 2 });
    for (let i = 0; i < 5; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'k' });
    for (let i = 0; i < 10; i++) client.create({ key: 'k', end: 'l' });
    client.create({ key: 'k', start: 15 });
    client.create({ key: 'k', start: 20 });
    await world.settle();
    client.take();
    world.compact(10);
    // Each cleaned chunk names one.
    world.compact(18);
    client.create({ key: 'k' });
    while (world.revision < 25) world.put('k');
    await world.settle();
    const ended = client.responses.filter((r) => r.canceled).map((r) => [r.watchId, r.compactRevision]);
    expect(ended.sort(([a = 0], [b = 0]) => a - b)).toEqual([...from(0, 11), 13].map((id) => [id, 18]));
    expect(client.responses.flatMap((r) => r.events)).toHaveLength(6);
    expect(revisionsOf(client, 12)).toEqual(from(20, 25));
  });

  it('overtakes a pass on its way', async () => {
    const world = new WatchWorld({ sliceStepsMax: 16, responseRevisionsMax: 4 });
    for (let i = 0; i < 200; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'k', end: 'l', start: 2 });
    client.create({ key: 'k', end: 'l', start: 150 });
    for (let i = 0; i < 3; i++) world.scheduler.turn();
    world.compact(100);
    world.trim();
    await world.settle();
    const last = client.responses.filter((r) => r.watchId === 0).at(-1);
    expect(last).toMatchObject({ canceled: true, compactRevision: 100 });
    expect(revisionsOf(client, 0)).toEqual(from(2, revisionsOf(client, 0).length + 1));
    expect(revisionsOf(client, 1)).toEqual(from(150, 201));
  });
});

describe('values that memory no longer holds', () => {
  it('are read back in order, with the values before them', async () => {
    const world = new WatchWorld({ readsPerPassMax: 4 });
    for (let i = 0; i < 30; i++) world.put(`k${i % 3}`);
    world.delete('k1');
    world.forget(world.revision);
    const client = world.open();
    client.create({ key: 'k', end: 'l', start: 1, prevKv: true });
    client.create({ key: 'k1', start: 1, prevKv: true });
    await world.settle();
    expect(revisionsOf(client, 0)).toEqual(from(2, 32));
    const own = client.responses.filter((r) => r.watchId === 1).flatMap((r) => r.events);
    expect(own.map((e) => e.prevKv?.modRevision)).toEqual([undefined, ...from(0, 9).map((i) => 3 + i * 3)]);
    expect(own.map((e) => e.kv.value).slice(0, 2)).toEqual(['v3', 'v6']);
  });

  it('a live event whose previous value was dropped is caught up at once', async () => {
    const world = new WatchWorld();
    world.put('k');
    const client = world.open();
    client.create({ key: 'k', prevKv: true });
    client.take();
    world.propose([{ key: 'k', value: 'new' }]);
    world.forget(2);
    world.commit();
    await world.settle();
    expect(client.take()).toMatchObject([{ revision: 3, events: [{ prevKv: { value: 'v2' } }] }]);
  });

  it('what a key had when it was compacted is still the value before the next event', async () => {
    const world = new WatchWorld();
    world.put('k');
    const client = world.open();
    client.create({ key: 'k', prevKv: true });
    client.take();
    world.put('other');
    world.propose([{ key: 'k', delete: true }]);
    world.forget(2);
    world.compact(3);
    world.commit();
    await world.settle();
    expect(client.take()).toMatchObject([{ revision: 4, events: [{ prevKv: { value: 'v2' } }] }]);
  });

  it('a compaction meanwhile gives the compacted answer', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 10; i++) world.put('k');
    world.forget(11);
    const client = world.open();
    client.create({ key: 'k', start: 2 });
    client.create({ key: 'k', end: 'l', start: 2 });
    client.create({ key: 'k', end: 'l', start: 8 });
    while (world.scheduler.turn());
    expect(world.reads.length).toBeGreaterThan(0);
    world.compact(8);
    world.trim();
    await world.settle();
    expect(client.responses.filter((r) => r.canceled).map((r) => [r.watchId, r.compactRevision])).toEqual([
      [0, 8],
      [1, 8],
    ]);
    expect(revisionsOf(client, 2)).toEqual(from(8, 11));
  });

  it('a value that was cleaned away although the compaction is not known here yet is compacted too', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 5; i++) world.put('k');
    world.forget(5);
    const client = world.open();
    client.create({ key: 'k', start: 3 });
    client.create({ key: 'k', end: 'l', start: 6 });
    while (world.scheduler.turn());
    for (const read of world.reads.splice(0)) read.answer('compacted');
    await world.settle();
    expect(client.take().filter((r) => r.canceled)).toMatchObject([{ watchId: 0, compactRevision: 6 }]);
    expect(client.ended).toBeUndefined();
  });

  it('promise 7: reads that fail are tried again, so often; then the stream is ended', async () => {
    const world = new WatchWorld({ readRetriesMax: 2 });
    for (let i = 0; i < 5; i++) world.put('k');
    world.forget(5);
    const client = world.open();
    const other = world.open();
    other.create({ key: 'k' });
    client.create({ key: 'k', start: 2 });
    for (let i = 0; i < 3; i++) {
      while (world.scheduler.turn());
      for (const read of world.reads.splice(0)) read.fail(new Error('engine down'));
      for (let j = 0; j < 10; j++) await Promise.resolve();
      world.scheduler.advance(60_000);
      for (let j = 0; j < 10; j++) await Promise.resolve();
    }
    await world.settle();
    expect(client.ended).toEqual({ error: { code: 'unavailable' } });
    expect(other.ended).toBeUndefined();
    expect(world.hub.statistics()).toMatchObject({ streams: 1, watchers: 1 });
  });

  it('a stream may close, and a watch be cancelled, while they are read', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 5; i++) world.put('k');
    world.forget(5);
    const [a, b] = [world.open(), world.open()];
    a.create({ key: 'k', start: 2 });
    b.create({ key: 'k', end: 'l', start: 2 });
    while (world.scheduler.turn());
    expect(world.reads.length).toBeGreaterThan(0);
    a.stream.close();
    b.cancel(0);
    await world.settle();
    expect(a.take()).toHaveLength(1);
    expect(b.take()).toHaveLength(2);
  });

  it('promise 7: only so many passes read at a time', async () => {
    const world = new WatchWorld({ readingPassesMax: 1, readsPerPassMax: 2 });
    for (let i = 0; i < 40; i++) world.put(`k${i % 4}`);
    world.forget(41);
    const client = world.open();
    for (let i = 0; i < 4; i++) client.create({ key: `k${i}`, start: 2 });
    let most = 0;
    for (let i = 0; i < 1000 && world.hub.statistics().slowWatchers > 0; i++) {
      while (world.scheduler.turn());
      most = Math.max(most, world.reads.length);
      await world.answerReads();
    }
    expect(most).toBe(2);
    for (let i = 0; i < 4; i++) expect(revisionsOf(client, i)).toHaveLength(10);
  });
});
