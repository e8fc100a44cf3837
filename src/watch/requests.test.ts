import { describe, expect, it } from 'vitest';
import { WatchWorld } from '../../test/property/watch-world.ts';

// The corners of creating and cancelling, one by one: etcd-v3.md B.7.

const REFUSED = { watchId: -1, created: true, canceled: true, compactRevision: 0, events: [] };

describe('creating a watch', () => {
  it('ids are counted from 0 on each stream, passing over those in use', () => {
    const world = new WatchWorld();
    const [a, b] = [world.open(), world.open()];
    a.create({ key: 'k' });
    a.create({ key: 'k', id: 1 });
    a.create({ key: 'k', id: 7 });
    a.create({ key: 'k' });
    a.cancel(0);
    a.create({ key: 'k' });
    b.create({ key: 'k' });
    expect(a.take().map((r) => [r.watchId, r.created, r.canceled])).toEqual([
      [0, true, false],
      [1, true, false],
      [7, true, false],
      [2, true, false],
      [0, false, true],
      [3, true, false],
    ]);
    expect(b.take().map((r) => r.watchId)).toEqual([0]);
  });

  it('an id in use is refused, and the watch that has it goes on', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', id: 5 });
    client.create({ key: 'other', id: 5 });
    const [, refused] = client.take();
    expect(refused).toMatchObject({
      ...REFUSED,
      cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream',
    });
    world.put('k');
    world.put('other');
    expect(client.take().map((r) => [r.watchId, r.events[0]?.kv.key])).toEqual([[5, 'k']]);
  });

  it('a negative id can be chosen', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', id: -9 });
    world.put('k');
    expect(client.take().map((r) => [r.watchId, r.events.length])).toEqual([
      [-9, 0],
      [-9, 1],
    ]);
  });

  it('an empty range is refused', () => {
    const client = new WatchWorld().open();
    client.create({ key: 'b', end: 'a' });
    client.create({ key: 'b', end: 'b' });
    const refused = { ...REFUSED, cancelReason: 'mvcc: watcher range is empty' };
    expect(client.take()).toMatchObject([refused, refused]);
  });

  it('a negative start revision is refused, before an empty range is', () => {
    const world = new WatchWorld();
    world.put('k');
    const client = world.open();
    client.create({ key: 'b', end: 'a', start: -1 });
    const cancelReason = 'etcdserver: mvcc: required revision has been compacted';
    expect(client.take()).toMatchObject([{ ...REFUSED, cancelReason, revision: 2 }]);
  });

  it('an empty key is the lowest one, and a range end of one zero byte is no end', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: '', end: '\0' });
    client.create({ key: '' });
    client.take();
    world.put('\0');
    world.put('\xff\xff');
    const received = client.take().map((r) => [r.watchId, r.revision]);
    expect(received.sort()).toEqual([
      [0, 2],
      [0, 3],
      [1, 2],
    ]);
  });

  it('a range end is exclusive', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'a', end: 'c' });
    client.take();
    for (const key of ['`', 'a', 'b\xff', 'c', 'a\0']) world.put(key);
    expect(client.take().map((r) => r.events[0]?.kv.key)).toEqual(['a', 'b\xff', 'a\0']);
  });

  it('created carries the current revision, and comes before any event', () => {
    const world = new WatchWorld();
    world.put('k');
    const client = world.open();
    client.room = 1;
    client.create({ key: 'x' });
    client.create({ key: 'k', start: 1 });
    world.put('k');
    expect(client.responses).toHaveLength(1);
    client.drain(Infinity);
    while (world.scheduler.turn());
    expect(client.take().map((r) => [r.watchId, r.created, r.revision, r.events.length])).toEqual([
      [0, true, 2, 0],
      [1, true, 2, 0],
      [1, false, 3, 2],
    ]);
  });

  it('start 0 gets what is committed later, also when it was proposed before', () => {
    const world = new WatchWorld();
    world.put('k');
    world.propose([{ key: 'k', value: 'proposed' }]);
    const client = world.open();
    client.create({ key: 'k' });
    world.commit();
    expect(client.take().map((r) => [r.revision, r.events.map((e) => e.kv.value)])).toEqual([
      [2, []],
      [3, ['proposed']],
    ]);
  });

  it('a start in the future is accepted, and what is below it is never delivered', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', start: 4 });
    client.create({ key: 'k', start: Number.MAX_SAFE_INTEGER });
    for (let i = 0; i < 4; i++) world.put('k');
    expect(
      client
        .take()
        .slice(2)
        .map((r) => [r.watchId, r.revision]),
    ).toEqual([
      [0, 4],
      [0, 5],
    ]);
  });

  it('a start in the future inside a group of commits gets exactly its part', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', start: 4 });
    client.create({ key: 'k' });
    client.take();
    for (let i = 0; i < 4; i++) world.propose([{ key: 'k', value: `${i}` }]);
    world.commit();
    const received = client.take().map((r) => [r.watchId, r.events.map((e) => e.kv.modRevision)]);
    expect(received.sort()).toEqual([
      [0, [4, 5]],
      [1, [2, 3, 4, 5]],
    ]);
  });

  it('unknown filters mean nothing; NOPUT and NODELETE leave events out, and nothing is sent for none', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', filters: [0, 9] });
    client.create({ key: 'k', filters: [1] });
    client.create({ key: 'k', filters: [0, 1] });
    client.take();
    world.put('k');
    world.delete('k');
    expect(client.take().map((r) => [r.watchId, r.events[0]?.type])).toEqual([
      [1, 'put'],
      [0, 'delete'],
    ]);
  });

  it('promise 7: watchers per stream and in all are bounded, with an answer', () => {
    const world = new WatchWorld({ watchersPerStreamMax: 2, watchersMax: 3 });
    const [a, b] = [world.open(), world.open()];
    for (let i = 0; i < 3; i++) a.create({ key: 'k' });
    for (let i = 0; i < 2; i++) b.create({ key: 'k' });
    const refused = { ...REFUSED, cancelReason: 'etcdserver: too many watchers' };
    expect(a.take()).toMatchObject([{ canceled: false }, { canceled: false }, refused]);
    expect(b.take()).toMatchObject([{ canceled: false }, refused]);
    a.cancel(0);
    b.create({ key: 'k' });
    expect(b.take()).toMatchObject([{ canceled: false }]);
  });

  it('keeps no view into the request', () => {
    const world = new WatchWorld();
    const client = world.open();
    const key = Buffer.from('k');
    const rangeEnd = Buffer.from('m');
    client.stream.receive({
      kind: 'create',
      request: {
        key,
        rangeEnd,
        startRevision: 0,
        progressNotify: false,
        filters: [],
        prevKv: false,
        watchId: 0,
        fragment: false,
      },
    });
    key.fill(0);
    rangeEnd.fill(0);
    world.put('l');
    expect(client.take()[1]?.events).toHaveLength(1);
  });
});

describe('cancelling a watch', () => {
  it('is answered with the current revision, and no event follows', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    world.put('k');
    client.take();
    client.cancel(0);
    world.put('k');
    expect(client.take()).toMatchObject([
      { watchId: 0, canceled: true, created: false, revision: 2, compactRevision: 0, cancelReason: '' },
    ]);
    expect(world.hub.statistics()).toMatchObject({ watchers: 0, slowWatchers: 0 });
  });

  it('an unknown id and an empty request get no answer', () => {
    const client = new WatchWorld().open();
    client.cancel(0);
    client.stream.receive({ kind: 'none' });
    expect(client.take()).toEqual([]);
  });

  it('a watch that lags, stalls or waits can be cancelled', async () => {
    const world = new WatchWorld({ historyPassesMax: 1, nearRevisionsMax: 0, catchingUpPerStreamMax: 2 });
    for (let i = 0; i < 5; i++) world.put('k');
    const client = world.open();
    for (let i = 0; i < 4; i++) client.create({ key: 'k', end: 'l', start: 2 + i });
    for (let i = 0; i < 4; i++) client.cancel(i);
    await world.settle();
    expect(client.take().filter((r) => r.events.length > 0)).toEqual([]);
    expect(world.hub.statistics()).toMatchObject({ watchers: 0, slowWatchers: 0 });
  });
});

describe('a start that has been compacted', () => {
  it('is accepted first, then cancelled with the compact revision, a header of 0 and no reason', () => {
    const world = new WatchWorld();
    for (let i = 0; i < 5; i++) world.put('k');
    world.compact(4);
    const client = world.open();
    client.create({ key: 'k', start: 3 });
    expect(client.take()).toMatchObject([
      { watchId: 0, created: true, canceled: false, revision: 6 },
      {
        watchId: 0,
        created: false,
        canceled: true,
        revision: 0,
        compactRevision: 4,
        cancelReason: '',
        events: [],
      },
    ]);
  });

  it('at the compacted revision itself gets the events of that revision, without prev_kv, trimmed or not', async () => {
    const world = new WatchWorld();
    world.put('k');
    world.put('k');
    world.delete('k');
    world.put('k');
    world.compact(4);
    const client = world.open();
    client.create({ key: 'k', start: 4, prevKv: true });
    client.create({ key: 'k', end: 'l', start: 4, prevKv: true });
    await world.settle();
    world.trim();
    client.create({ key: 'k', start: 4, prevKv: true, filters: [0] });
    await world.settle();
    const events = client.take().flatMap((r) => r.events.map((e) => [r.watchId, e.type, e.prevKv]));
    expect(events.sort()).toEqual([
      [0, 'delete', undefined],
      [0, 'put', undefined],
      [1, 'delete', undefined],
      [1, 'put', undefined],
      [2, 'delete', undefined],
    ]);
  });

  it('keeps its id until the client cancels it, which is answered', () => {
    const world = new WatchWorld();
    for (let i = 0; i < 5; i++) world.put('k');
    world.compact(4);
    const client = world.open();
    client.create({ key: 'k', start: 1, id: 3 });
    client.create({ key: 'k', id: 3 });
    client.progress();
    client.cancel(3);
    client.create({ key: 'k', id: 3 });
    client.progress();
    expect(client.take().map((r) => [r.watchId, r.created, r.canceled])).toEqual([
      [3, true, false],
      [3, false, true],
      [-1, true, true],
      [3, false, true],
      [3, true, false],
      [-1, false, false],
    ]);
  });
});

describe('closing', () => {
  it('the hub ends every stream, also those opened later', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', progress: true });
    world.hub.close();
    expect(client.ended).toEqual({ error: { code: 'stopped' } });
    expect(world.open().ended).toEqual({ error: { code: 'stopped' } });
    client.create({ key: 'k' });
    world.put('k');
    expect(client.take()).toHaveLength(1);
    expect(world.scheduler.timerCount).toBe(0);
  });

  it('promise 8: a closed stream leaves nothing behind, wherever its watchers were', async () => {
    const world = new WatchWorld({ catchingUpPerStreamMax: 2 });
    for (let i = 0; i < 5; i++) world.put('k');
    const client = world.open();
    for (let i = 0; i < 4; i++) client.create({ key: 'k', end: 'l', start: 1 + i, progress: true });
    client.create({ key: 'k' });
    client.create({ key: 'k', start: 100 });
    client.stream.close();
    client.stream.close();
    await world.settle();
    expect(world.hub.statistics()).toEqual({
      streams: 0,
      watchers: 0,
      slowWatchers: 0,
      eventsDelivered: 0,
      responsesWaiting: 0,
    });
    expect(world.hub.live.ranges.size).toBe(0);
    expect(world.scheduler.timerCount).toBe(0);
  });
});
