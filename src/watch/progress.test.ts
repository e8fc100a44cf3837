import { describe, expect, it } from 'vitest';
import { WatchWorld } from '../../test/property/watch-world.ts';

describe('a progress request', () => {
  it('is answered once for the stream, with id -1 and the current revision', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'a' });
    client.create({ key: 'b' });
    world.put('c');
    client.take();
    client.progress();
    expect(client.take()).toMatchObject([
      { watchId: -1, revision: 2, created: false, canceled: false, events: [], compactRevision: 0 },
    ]);
  });

  it('is not answered on a stream without watches', () => {
    const client = new WatchWorld().open();
    client.progress();
    expect(client.take()).toEqual([]);
  });

  it('is not answered, now or later, while a watch of the stream lags', async () => {
    const world = new WatchWorld();
    for (let i = 0; i < 5; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'a' });
    client.create({ key: 'k', start: 2 });
    client.progress();
    await world.settle();
    expect(client.take().map((r) => [r.watchId, r.created])).toEqual([
      [0, true],
      [1, true],
      [1, false],
    ]);
    client.progress();
    expect(client.take()).toMatchObject([{ watchId: -1, revision: 6 }]);
  });

  it('is not answered before the store reaches the start revision of every watch', () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k', start: 3 });
    client.create({ key: 'k', start: 9 });
    client.take();
    client.progress();
    world.put('a');
    client.progress();
    world.put('a');
    client.progress();
    expect(client.take()).toEqual([]);
    client.cancel(1);
    client.take();
    client.progress();
    expect(client.take()).toMatchObject([{ watchId: -1, revision: 3 }]);
  });

  it('promise 5 (bookmarkable): never overtakes events that are being sent', async () => {
    const world = new WatchWorld({ sliceStepsMax: 8 });
    const client = world.open();
    for (let i = 1; i <= 30; i++) client.create({ key: 'k', id: i });
    client.take();
    world.put('k');
    client.progress();
    await world.settle();
    const responses = client.take();
    expect(responses).toHaveLength(31);
    expect(responses.at(-1)).toMatchObject({ watchId: -1, revision: 2 });
  });

  it('waits for room in the transport, and lapses when events have to be caught up first', async () => {
    const world = new WatchWorld();
    const client = world.open();
    client.create({ key: 'k' });
    client.room = 1;
    world.put('k');
    client.take();
    client.progress();
    await world.settle();
    expect(client.take()).toEqual([]);
    client.drain(1);
    await world.settle();
    expect(client.take()).toMatchObject([{ watchId: -1, revision: 2 }]);

    client.drain(1);
    world.put('k');
    client.progress();
    world.put('k');
    client.take();
    client.drain(Infinity);
    await world.settle();
    expect(client.take()).toMatchObject([{ watchId: 0, revision: 4 }]);
  });
});

describe('progress by the clock', () => {
  const options = { progressIntervalMs: 1000 };

  it('comes after the interval and up to a tenth, only to watches that asked', () => {
    const world = new WatchWorld({}, options);
    const client = world.open();
    client.create({ key: 'k', progress: true });
    client.create({ key: 'k' });
    client.take();
    world.scheduler.advance(999);
    while (world.scheduler.turn());
    expect(client.take()).toEqual([]);
    world.scheduler.advance(101);
    while (world.scheduler.turn());
    expect(client.take()).toMatchObject([
      { watchId: 0, revision: 1, events: [], created: false, canceled: false },
    ]);
    world.scheduler.advance(1100);
    while (world.scheduler.turn());
    expect(client.take()).toMatchObject([{ watchId: 0, revision: 1 }]);
  });

  it('is left out after an event since the last tick', () => {
    const world = new WatchWorld({}, options);
    const client = world.open();
    client.create({ key: 'k', progress: true });
    world.put('k');
    client.take();
    world.scheduler.advance(1100);
    while (world.scheduler.turn());
    expect(client.take()).toEqual([]);
    world.scheduler.advance(1100);
    while (world.scheduler.turn());
    expect(client.take()).toMatchObject([{ watchId: 0, revision: 2 }]);
  });

  it('is left out for a watch that lags or has not begun', async () => {
    const world = new WatchWorld({}, options);
    const client = world.open();
    client.create({ key: 'k', progress: true, start: 5 });
    client.create({ key: 'j', progress: true });
    client.take();
    client.room = 1;
    world.put('j');
    world.put('j');
    client.take();
    for (let i = 0; i < 3; i++) {
      world.scheduler.advance(1100);
      await world.settle();
    }
    expect(client.take()).toEqual([]);
  });

  it('ends with the watch and with the stream', () => {
    const world = new WatchWorld({}, options);
    const client = world.open();
    client.create({ key: 'k', progress: true });
    client.cancel(0);
    client.take();
    world.scheduler.advance(5000);
    while (world.scheduler.turn());
    expect(client.take()).toEqual([]);
    client.stream.close();
    expect(world.scheduler.timerCount).toBe(0);
  });

  it('an interval below 100 ms is 100 ms, as in etcd', () => {
    const world = new WatchWorld({}, { progressIntervalMs: 1 });
    const client = world.open();
    client.create({ key: 'k', progress: true });
    client.take();
    world.scheduler.advance(99);
    while (world.scheduler.turn());
    expect(client.take()).toEqual([]);
  });
});
