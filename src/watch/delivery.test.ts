import { describe, expect, it } from 'vitest';
import { WatchWorld } from '../../test/property/watch-world.ts';
import { joinFragments } from '../../test/validators/watch.ts';

describe('delivery to synced watchers', () => {
  it('happens in the turn of the commit', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    world.put('k');
    expect(client.take()).toHaveLength(2);
  });

  it('a change is delivered with its whole key-value, a deletion with key and revision', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    client.take();
    world.write({ key: 'k', value: 'x'.repeat(50), lease: -5n });
    world.delete('k');
    const kv = { key: 'k', value: 'x'.repeat(50), createRevision: 2, modRevision: 2, version: 1, lease: -5n };
    const deleted = { key: 'k', value: '', createRevision: 0, modRevision: 3, version: 0, lease: 0n };
    expect(client.take().map((r) => r.events)).toEqual([
      [{ type: 'put', kv, prevKv: undefined }],
      [{ type: 'delete', kv: deleted, prevKv: undefined }],
    ]);
  });

  it('promise 5: all events of a revision come in one response, in order', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'a', end: 'z' });
    client.take();
    world.write({ key: 'c', value: '1' }, { key: 'a', value: '2' }, { key: 'b', value: '3' });
    expect(client.take().map((r) => r.events.map((e) => e.kv.key))).toEqual([['c', 'a', 'b']]);
  });

  it('the header revision is that of the last event, not of what others wrote in the group', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'a' });
    client.create({ key: 'b' });
    client.take();
    for (const key of ['a', 'b', 'a', 'c']) world.propose([{ key, value: '' }]);
    world.commit();
    const received = client.take().map((r) => [r.watchId, r.revision, r.events.length]);
    expect(received.sort()).toEqual([
      [0, 4, 2],
      [1, 3, 1],
    ]);
  });

  it('prev_kv is the value before; none for creates; each event of a group has its own', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', prevKv: true });
    client.create({ key: 'k' });
    client.take();
    for (const value of ['1', '2', '3']) world.propose([{ key: 'k', value }]);
    world.propose([{ key: 'k', delete: true }]);
    world.propose([{ key: 'k', value: '4' }]);
    world.commit();
    const byId = new Map(client.take().map((r) => [r.watchId, r.events.map((e) => e.prevKv?.value)]));
    expect(byId.get(0)).toEqual([undefined, '1', '2', '3', undefined]);
    expect(byId.get(1)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('prev_kv of a key that one transaction puts and deletes is what was there before the transaction', () => {
    const world = new WatchWorld();
    world.put('k', 'before');
    const client = world.open();
    client.create({ key: 'a', end: 'z', prevKv: true });
    client.take();
    world.write({ key: 'k', value: 'during' }, { key: 'k', delete: true });
    world.write({ key: 'j', value: 'during' }, { key: 'j', delete: true }, { key: 'j', value: 'after' });
    expect(client.take().map((r) => r.events.map((e) => e.prevKv?.value))).toEqual([
      ['before', 'before'],
      [undefined, undefined, undefined],
    ]);
  });

  it('a compaction that commits together with a write does not take its prev_kv away', () => {
    const world = new WatchWorld();
    world.put('k', 'before');
    const client = world.open();
    client.create({ key: 'k', prevKv: true });
    client.take();
    world.propose([{ key: 'k', value: 'after' }]);
    world.revision = 3;
    world.compact(3);
    world.hub.committed(3);
    expect(client.take()).toMatchObject([{ revision: 3, events: [{ prevKv: { value: 'before' } }] }]);
  });

  it('watchers of one range and shape share the bytes of their events', () => {
    const world = new WatchWorld();
    const sent: (readonly Uint8Array[])[] = [];
    const sink = { send: (slices: readonly Uint8Array[]) => sent.push(slices) > 0, end: () => undefined };
    for (let i = 0; i < 2; i++) {
      const stream = world.hub.open(sink);
      const request = { rangeEnd: Buffer.alloc(0), startRevision: 0, progressNotify: false, filters: [] };
      const more = { prevKv: false, watchId: i, fragment: false };
      stream.receive({ kind: 'create', request: { key: Buffer.from('k'), ...request, ...more } });
    }
    sent.length = 0;
    world.put('k');
    expect(sent).toHaveLength(2);
    expect(sent[0]![1]).toBe(sent[1]![1]);
  });

  it('large values are sent from where they lie', () => {
    const world = new WatchWorld({ responseBytesMax: 2 ** 20 });
    const client = world.open();
    client.create({ key: 'a', end: 'z', prevKv: true });
    client.take();
    const large = 'L'.repeat(100_000);
    world.propose([{ key: 'k', value: large }]);
    world.propose([{ key: 'k', value: 'small' }]);
    world.propose([{ key: 'l', value: 'small' }]);
    world.propose([{ key: 'k', value: large }]);
    world.commit();
    const [response] = client.take();
    expect(response?.events.map((e) => [e.kv.value.length, e.prevKv?.value.length])).toEqual([
      [100_000, undefined],
      [5, 100_000],
      [5, undefined],
      [100_000, 5],
    ]);
  });

  it('compaction does not affect them, also when it overtakes a delivery', async () => {
    const world = new WatchWorld({ sliceStepsMax: 2 });
    const client = world.open();
    for (let i = 0; i < 10; i++) client.create({ key: 'k', end: 'l', id: i + 1 });
    client.take();
    for (let i = 0; i < 5; i++) world.put('k');
    expect(client.responses.length).toBeLessThan(10);
    world.compact(6);
    world.trim();
    await world.settle();
    world.put('k');
    await world.settle();
    const events = client.take().flatMap((r) => r.events.map(() => r.watchId));
    expect(events).toHaveLength(60);
    expect(world.hub.statistics().slowWatchers).toBe(0);
  });

  it('who is synced and loses events to a compaction that nobody announced is told so', async () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    client.create({ key: 'k', start: 50 });
    client.take();
    world.propose([{ key: 'k', value: '' }]);
    world.propose([{ key: 'k', value: '' }]);
    world.revision = 3;
    world.compacted = 3;
    world.index.compactTo(3);
    world.trim();
    world.hub.committed(3);
    await world.settle();
    expect(client.take()).toMatchObject([{ watchId: 0, canceled: true, compactRevision: 3 }]);
    while (world.revision < 50) world.put('k');
    await world.settle();
    expect(client.take()).toMatchObject([{ watchId: 1, revision: 50 }]);
  });
});

describe('fragments', () => {
  const limits = { fragmentBytesMin: 1000 };

  function fill(world: WatchWorld): void {
    const changes = Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, value: 'x'.repeat(200) }));
    world.write(...changes);
  }

  it('a large response is split by events, all but the last part marked, each below the bound', () => {
    const world = new WatchWorld(limits);
    const client = world.open();
    client.create({ key: 'k', end: 'l', fragment: true });
    client.create({ key: 'k', end: 'l' });
    client.take();
    client.raw.length = 0;
    fill(world);
    const all = client.take();
    const parts = all.filter((r) => r.watchId === 0);
    expect(parts.map((r) => [r.events.length, r.fragment])).toEqual([
      [4, true],
      [4, true],
      [2, false],
    ]);
    expect(client.raw.filter((_, i) => all[i]?.watchId === 0).every((m) => m.length < 1000)).toBe(true);
    expect(all.filter((r) => r.watchId === 1).map((r) => [r.events.length, r.fragment])).toEqual([
      [10, false],
    ]);
    expect(joinFragments(all).map((r) => r.events.length)).toEqual([10, 10]);
  });

  it('a response with one event is not split', () => {
    const world = new WatchWorld(limits);
    const client = world.open();
    client.create({ key: 'k', fragment: true });
    client.take();
    world.put('k', 'x'.repeat(5000));
    expect(client.take().map((r) => [r.events.length, r.fragment])).toEqual([[1, false]]);
  });

  it('nothing comes between the parts, also when the transport fills up on the way', () => {
    const world = new WatchWorld(limits);
    const client = world.open();
    client.create({ key: 'k', end: 'l', fragment: true });
    client.create({ key: 'z' });
    client.take();
    client.room = 1;
    fill(world);
    client.create({ key: 'y' });
    client.progress();
    world.put('z');
    for (let i = 0; i < 8; i++) {
      client.drain(1);
      while (world.scheduler.turn());
    }
    const joined = joinFragments(client.take());
    expect(joined.map((r) => [r.watchId, r.created, r.events.length])).toEqual([
      [0, false, 10],
      [2, true, 0],
      [1, false, 1],
    ]);
  });
});

describe('a full transport', () => {
  it('promise 8: nothing is queued for a slow client, however much is written', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'a', end: 'z' });
    client.take();
    client.room = 1;
    for (let i = 0; i < 1000; i++) world.put('k', 'x'.repeat(1000));
    expect(client.responses).toHaveLength(1);
    expect(world.hub.statistics()).toMatchObject({
      slowWatchers: 1,
      responsesWaiting: 0,
      eventsDelivered: 1,
    });
  });

  it('other watchers still get what it was being sent, up to a bound; what comes next they get together', async () => {
    const world = new WatchWorld({ sentSinceFullMax: 6 });
    const client = world.open();
    for (let id = 1; id <= 10; id++) client.create({ key: 'a', end: 'z', id });
    client.take();
    client.room = 1;
    world.put('k');
    expect(client.take().map((r) => r.watchId)).toEqual([10, 9, 8, 7, 6, 5, 4]);
    expect(client.sentSinceFull).toBe(6);
    expect(world.hub.statistics()).toMatchObject({ slowWatchers: 3, responsesWaiting: 0 });
    world.put('k');
    expect(client.take()).toEqual([]);
    client.drain(3);
    await world.settle();
    client.drain(Infinity);
    await world.settle();
    const responses = client.take();
    const revisions = (id: number): number[] =>
      responses.filter((r) => r.watchId === id).flatMap((r) => r.events.map((e) => e.kv.modRevision));
    for (let id = 1; id <= 10; id++) expect(revisions(id)).toEqual(id <= 3 ? [2, 3] : [3]);
    expect(world.hub.statistics().slowWatchers).toBe(0);
  });

  it('when it is full and answers wait, events do not overtake them', async () => {
    const world = new WatchWorld({ sliceStepsMax: 4 });
    const client = world.open();
    for (let id = 1; id <= 10; id++) client.create({ key: 'k', id });
    client.take();
    client.room = 1;
    world.put('k');
    const before = client.take().length;
    expect(before).toBeGreaterThan(1);
    client.progress();
    client.create({ key: 'y', id: 11 });
    await world.settle();
    expect(client.take()).toEqual([]);
    client.drain(Infinity);
    await world.settle();
    const [first, ...others] = client.take();
    expect(first).toMatchObject({ watchId: 11, created: true });
    expect(others.filter((r) => r.events.length > 0)).toHaveLength(10 - before);
  });

  it('promise 5: it goes on where it stopped, with several revisions in a response', async () => {
    const world = new WatchWorld({ responseRevisionsMax: 40 });
    const client = world.open();
    client.create({ key: 'a', end: 'z' });
    client.create({ key: 'k' });
    client.take();
    client.room = 1;
    for (let i = 0; i < 100; i++) world.put('k');
    client.drain(Infinity);
    await world.settle();
    const responses = client.take();
    for (const id of [0, 1]) {
      const own = responses.filter((r) => r.watchId === id);
      expect(own.flatMap((r) => r.events.map((e) => e.kv.modRevision))).toEqual(
        Array.from({ length: 100 }, (_, i) => i + 2),
      );
      expect(own.length).toBeLessThanOrEqual(5);
      expect(own.every((r) => r.revision === r.events.at(-1)?.kv.modRevision)).toBe(true);
    }
    expect(world.hub.statistics().slowWatchers).toBe(0);
  });

  it('watchers that no event reaches do not lag', () => {
    const world = new WatchWorld();
    const client = world.open();
    for (let i = 0; i < 10; i++) client.create({ key: `k${i}` });
    client.room = 1;
    world.put('k0');
    world.put('k0');
    expect(world.hub.statistics().slowWatchers).toBe(1);
  });

  it('promise 7: answers to requests queue up to a bound; beyond it the stream is ended', () => {
    const world = new WatchWorld({ waitingResponsesMax: 3, watchersPerStreamMax: 5 });
    const client = world.open();
    client.room = 1;
    const accepted: boolean[] = [];
    for (let i = 0; i < 5; i++) accepted.push(client.create({ key: 'k' }));
    expect(accepted).toEqual([true, true, true, false, false]);
    expect(world.hub.statistics().responsesWaiting).toBe(4);
    expect(client.drain(2)).toBe(true);
    expect(client.drain(Infinity)).toBe(true);
    client.room = 1;
    for (let i = 0; i < 20 && client.ended === undefined; i++) client.create({ key: 'k', start: -1 });
    expect(client.ended).toEqual({ error: { code: 'too-many-requests' } });
    expect(world.hub.statistics().responsesWaiting).toBe(0);
  });

  it('promise 7: a slow stream does not keep others waiting', () => {
    const world = new WatchWorld();
    const [slow, quick] = [world.open(), world.open()];
    for (const client of [slow, quick]) client.create({ key: 'a', end: 'z' });
    slow.room = 1;
    quick.take();
    for (let i = 0; i < 10; i++) world.put('k');
    expect(quick.take()).toHaveLength(10);
  });
});

describe('slices', () => {
  it('promise 7: one turn sends no more than its share, and what follows waits for it', async () => {
    const world = new WatchWorld({ sliceStepsMax: 50 });
    const client = world.open();
    for (let i = 0; i < 200; i++) client.create({ key: 'k', id: i + 1 });
    client.take();
    world.put('k');
    const first = client.responses.length;
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThanOrEqual(50);
    world.put('k');
    expect(client.responses.length).toBe(first);
    await world.settle();
    const byId = new Map<number, number[]>();
    for (const r of client.take()) {
      byId.set(r.watchId, [...(byId.get(r.watchId) ?? []), ...r.events.map((e) => e.kv.modRevision)]);
    }
    expect(byId.size).toBe(200);
    expect([...byId.values()].every((revisions) => revisions.join() === '2,3')).toBe(true);
  });

  it.each([[[10]], [[19, 20]], [[2, 4, 6, 8, 10, 12, 14, 16, 18]]])(
    'watchers %j may go, and others come, between the slices of a delivery',
    async (going) => {
      const world = new WatchWorld({ sliceStepsMax: 4 });
      const client = world.open();
      for (let i = 1; i <= 20; i++) client.create({ key: 'k', id: i });
      client.take();
      world.put('k');
      for (const id of going) client.cancel(id);
      for (let i = 21; i <= 30; i++) client.create({ key: 'k', id: i });
      await world.settle();
      const served = client.responses.filter((r) => r.events.length > 0).map((r) => r.watchId);
      expect(new Set(served).size).toBe(served.length);
      expect(served.filter((id) => id > 20)).toEqual([]);
      for (let i = 1; i <= 20; i++) if (!going.includes(i)) expect(served).toContain(i);
    },
  );
});
