import { describe, expect, it } from 'vitest';

import {
  bytes,
  call,
  compare,
  fill,
  GatedEngine,
  op,
  put,
  range,
  StoreWorld,
  turns,
  txn,
} from '../../test/property/store-world.ts';
import { MemoryEngine } from '../engine/memory/index.ts';
import type { Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import type { TxnResult } from './results.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('bounds, and what overtakes a call', () => {
  it('promise 7: old values that are put again count for the bound of a commit', async () => {
    const world = await StoreWorld.open({}, new MemoryEngine({ commitBytesMax: 1 << 20 }));
    const keys = Array.from({ length: 32 }, (_, i) => `k${i}`);
    for (const key of keys) await world.put(put(key, 'x'.repeat(40_000)));
    const again = keys.map((key) => op.put(key, '', { ignoreValue: true }));
    await expect(world.txn(txn([], again))).rejects.toEqual(refused('RequestTooLarge'));
    expect((await world.put(put('a'))).revision).toBe(34);
  });

  it('promise 7: a request larger than a commit may be is refused, whatever its bound is', async () => {
    const limits = { requestBytesMax: 4 << 20 };
    const world = await StoreWorld.open({ limits }, new MemoryEngine({ commitBytesMax: 1 << 20 }));
    const value = 'x'.repeat(2 << 20);
    await expect(world.put(put('a', value), value.length)).rejects.toEqual(refused('RequestTooLarge'));
    expect((await world.put(put('a'))).revision).toBe(2);
  });

  it('B.2.11: a count inside of a transaction is not remembered for the page that follows', async () => {
    const world = await StoreWorld.open();
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) await world.put(put(key));
    const answer = await world.txn(
      txn(
        [],
        [op.put('x'), op.range('a', 'z', { limit: 1 }), op.put('y'), op.range('a\0', 'z', { limit: 1 })],
      ),
    );
    expect(answer.responses[1]).toMatchObject({ count: 5, more: true });
    expect(answer.responses[3]).toMatchObject({ count: 5, more: true });
    const next = await world.range(range('a\0', 'z', { limit: 1, revision: answer.revision }));
    expect(next.count).toBe(5);
  });

  it('promise 9: a read-only transaction compares values that have left memory meanwhile', async () => {
    const world = await StoreWorld.open({ limits: { historyBytesInMemoryMax: 0 } });
    await fill(world, 'k', 40_000, 'old');
    await world.put(put('last', 'old'));
    const all = compare('k', {
      rangeEnd: bytes('\0'),
      target: 3,
      operand: { kind: 'value', value: bytes('old') },
    });
    const reading = call<TxnResult>((done) => world.store.txn(txn([all], [op.range('last')], []), 0, done));
    await world.put(put('last', 'new'));
    await world.put(put('k039999', 'new'));
    for (let i = 0; i < 20; i++) world.store.index.evacuateStep(100_000, world.store.revision);
    expect((await reading).succeeded).toBe(true);
  });

  it('promise 6: on a full disk writes are refused as etcd refuses them without space', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    engine.uncertain = new EngineError('no_space', 'Cannot write to x: the disk is full (0 bytes free)');
    const lost = world.put(put('a'));
    await turns();
    await world.time.advance(1500);
    await expect(world.put(put('b'))).rejects.toEqual(refused('NoSpace'));
    expect(world.store.status().refusal).toBe('NoSpace');
    engine.uncertain = undefined;
    await world.time.advance(3000);
    expect((await lost).revision).toBe(2);
    expect((await world.put(put('b'))).revision).toBe(3);
    expect(world.store.status().refusal).toBeUndefined();
  });
});

describe('the size of the store', () => {
  it('is not waited for at a start where others share the engine: to tell it may take reading everything', async () => {
    const engine = new MemoryEngine();
    const shared: Engine = {
      capabilities: { ...engine.capabilities, shared: true },
      snapshot: () => engine.snapshot(),
      commit: (batch, signal) => engine.commit(batch, signal),
      sizeBytes: () => new Promise(() => undefined),
      compact: () => engine.compact(),
      close: () => engine.close(),
    };
    const world = await StoreWorld.open({}, shared);
    expect((await world.put(put('a', '1'))).revision).toBe(2);
    // Until it is told, it is known to be no less than what is in use.
    const { sizeBytes, inUseBytes } = world.store.status();
    expect(inUseBytes).toBeGreaterThan(0);
    expect(sizeBytes).toBe(inUseBytes);
  });
});
