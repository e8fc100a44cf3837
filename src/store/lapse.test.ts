/** Goal: a leader that cannot renew its lease for a moment refuses nobody for it. Method: a lease that the test takes. */
import { beforeEach, describe, expect, it } from 'vitest';
import { put, range, StoreWorld, turns } from '../../test/property/store-world.ts';
import type { ReadIndex, StoreOptions } from './options.ts';
import type { StoreErrorCode } from './errors.ts';

let holds: boolean;
beforeEach(() => void (holds = true));

async function leader(limits: StoreOptions['limits'] = {}): Promise<StoreWorld> {
  const world = await StoreWorld.open({ lease: { holds: () => holds }, limits });
  await world.grant(1n, 60);
  return world;
}

/** What became of a keep-alive so far. */
function keepAlive(world: StoreWorld): { answer: unknown } {
  const told: { answer: unknown } = { answer: undefined };
  world.store.leaseKeepAlive(1n, (error, { ttl }) => (told.answer = error?.code ?? ttl));
  return told;
}

describe('a keep-alive while the leader cannot renew its lease', () => {
  it('promise 4: waits, and is answered when the lease is renewed', async () => {
    const world = await leader();
    holds = false;
    const told = keepAlive(world);
    await world.time.advance(5000);
    expect(told.answer).toBeUndefined();
    holds = true;
    world.store.leaseRenewed();
    expect(told.answer).toBe(60);
    expect((await world.timeToLive(1n)).ttl).toBe(60);
  });

  it('ends with Timeout after the time that a request may take, each by its own', async () => {
    const world = await leader();
    holds = false;
    const first = keepAlive(world);
    await world.time.advance(3000);
    const second = keepAlive(world);
    await world.time.advance(4001);
    expect([first.answer, second.answer]).toEqual(['Timeout', undefined]);
    await world.time.advance(3000);
    expect(second.answer).toBe('Timeout');
  });

  it('ends when the node leads no more, and when it stops', async () => {
    const deposed = await leader();
    const stopped = await leader();
    holds = false;
    const told = [keepAlive(deposed), keepAlive(stopped)];
    deposed.store.depose();
    void stopped.store.close();
    await turns();
    expect(told.map(({ answer }) => answer)).toEqual(['LeaderChanged', 'Stopped']);
  });

  it('promise 7: so many wait, and no more', async () => {
    const world = await leader({ queuedCallsMax: 2 });
    holds = false;
    expect([1, 2, 3].map(() => keepAlive(world)).map(({ answer }) => answer)).toEqual([
      undefined,
      undefined,
      'TooManyRequests',
    ]);
  });
});

describe('a read while the leader cannot renew its lease', () => {
  let asked: ((refused: StoreErrorCode | undefined) => void)[];
  const readIndex: ReadIndex = { always: false, ask: (done) => void asked.push(done) };
  beforeEach(() => void (asked = []));

  it('promise 4: waits until it is known who leads, and then shows what was written', async () => {
    const world = await StoreWorld.open({ lease: { holds: () => holds }, readIndex });
    await world.put(put('a', '1'));
    holds = false;
    const one = world.range(range('a'));
    const all = world.range(range('\0', '\0'));
    await turns();
    expect(asked).toHaveLength(2);
    // The others were written before it was known; what the lease is by then does not matter.
    for (const done of asked) done(undefined);
    expect((await one).kvs).toMatchObject([{ value: '1' }]);
    expect((await all).kvs).toMatchObject([{ value: '1' }]);
    holds = true;
    expect((await world.range(range('a'))).kvs).toMatchObject([{ value: '1' }]);
    expect(asked).toHaveLength(2);
  });

  it('is refused as who asks is', async () => {
    const world = await StoreWorld.open({ lease: { holds: () => holds }, readIndex });
    holds = false;
    const refused = world.range(range('a'));
    await turns();
    asked[0]!('Timeout');
    await expect(refused).rejects.toMatchObject({ code: 'Timeout' });
  });

  it('a serializable one does not wait', async () => {
    const world = await StoreWorld.open({ lease: { holds: () => holds }, readIndex });
    holds = false;
    expect((await world.range(range('a', '', { serializable: true }))).kvs).toEqual([]);
    expect(asked).toEqual([]);
  });
});
