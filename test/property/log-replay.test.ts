/** What a start refuses, and how it says so. */
import { beforeEach, describe, expect, it } from 'vitest';

import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { Segments } from '../../src/index/index.ts';
import { readChunk, writeChunkHeader } from '../../src/log/chunk.ts';
import { encodeHead } from '../../src/log/head.ts';
import { LogError, LogKeys, LogMap, replay } from '../../src/log/index.ts';
import type { Head, Replayed } from '../../src/log/index.ts';
import { SimpleLeader } from './log-leader.ts';
import { put, StoreWorld } from './store-world.ts';

const NOBODY = { settled: () => undefined };

describe('replay()', () => {
  let engine: MemoryEngine;
  let leader: SimpleLeader;
  let head: Head;

  beforeEach(async () => {
    engine = new MemoryEngine();
    leader = new SimpleLeader(engine, new Segments());
    await leader.open(1);
    for (let i = 0; i < 5; i++) {
      leader.put(`key${i}`, Buffer.from('value'), NOBODY);
      await leader.flushed();
    }
    ({ head } = leader.writer);
  });

  async function write(key: Uint8Array, value: Uint8Array | undefined): Promise<void> {
    const result = await engine.commit(
      { conditions: [], writes: [{ key, value }] },
      new AbortController().signal,
    );
    expect(result.kind).toBe('committed');
  }

  async function read(key: Uint8Array): Promise<Buffer> {
    await using snapshot = await engine.snapshot();
    const value = await snapshot.get(key);
    if (value === undefined) throw new Error('it is not there');
    return Buffer.from(value);
  }

  async function start(from = 0): Promise<Replayed> {
    const target = new SimpleLeader(engine, new Segments());
    const signal = new AbortController().signal;
    const options = { engine, keys: leader.keys, arena: new Segments(), map: new LogMap(), target, signal };
    return replay({ ...options, target: { ...silent }, from, fromRevision: Math.max(1, from) });
  }
  const silent = {
    cleanedAt: () => undefined,
    version: () => undefined,
    record: () => undefined,
    applied: () => undefined,
  };

  it('reads the whole log, and a tail of it', async () => {
    expect((await start()).head).toEqual(head);
    expect((await start(3)).head).toEqual(head);
    expect(head).toEqual({ epoch: 1, commit: 6, sequence: 6, revision: 6, compacted: 0 });
  });

  it('a flipped byte in a chunk stops the start with its position and what to do', async () => {
    const key = leader.keys.slot(4);
    const bytes = await read(key);
    bytes[bytes.length - 3]! ^= 1;
    await write(key, bytes);
    await expect(start()).rejects.toThrow(/log at chunk 4: its checksum is wrong \(.*backup/);
  });

  it('a missing chunk, a missing tail and a missing head are found', async () => {
    const [third, last] = [await read(leader.keys.slot(3)), await read(leader.keys.slot(6))];
    await write(leader.keys.slot(3), undefined);
    await expect(start()).rejects.toThrow(/chunk 4: it covers from 4 on, what is before it ends at 2/);
    await write(leader.keys.slot(3), third);
    await write(leader.keys.slot(6), undefined);
    await expect(start()).rejects.toThrow(/sequence 5: the head says that it ends at 6/);
    await write(leader.keys.slot(6), last);
    await write(leader.keys.head, undefined);
    await expect(start()).rejects.toThrow(/chunk 1: the head says that the log ends at 0/);
  });

  it.each([
    ['sequence', 5, /chunk 6: the head says that the log ends at 5/],
    ['revision', 7, /its last revision is 6, the head says 7/],
    ['revision', 5, /revision 6 is above the head's 5/],
    ['epoch', 2, /its last epoch is 1, the head says 2/],
    ['compacted', 3, /it is compacted at 0, the head says 3/],
  ] as const)('a head whose %s is %i does not agree with the log', async (field, value, message) => {
    await write(leader.keys.head, encodeHead({ ...head, [field]: value }));
    await expect(start()).rejects.toThrow(message);
    await expect(start()).rejects.toBeInstanceOf(LogError);
  });

  it('promise 2: a chunk that was put in the place of another is found', async () => {
    await write(leader.keys.slot(4), await read(leader.keys.slot(5)));
    await expect(start()).rejects.toThrow(/chunk 4: it is chunk 5/);
  });

  it('a tail with a swept chunk is not applied to an older state', async () => {
    for (let i = 0; i < 5; i++) leader.remove(`key${i}`, NOBODY);
    await leader.flushed();
    leader.put('last', Buffer.from('value'), NOBODY);
    await leader.compact(11);
    leader.cleaner.demand();
    await leader.cleanUntilIdle();
    ({ head } = leader.writer);
    expect((await start()).head).toEqual(head);
    await expect(start(3)).rejects.toMatchObject({ code: 'log-swept' });
    expect((await start(head.sequence - 1)).head).toEqual(head);
  });

  it('ends when it is aborted', async () => {
    const options = { engine, keys: leader.keys, arena: new Segments(), map: new LogMap(), target: silent };
    await expect(replay({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'log-stopped',
    });
  });
});

it('a commit that was read in part, with the beginning of an epoch, is gone on with: nothing was forgotten', async () => {
  const engine = new MemoryEngine();
  const world = await StoreWorld.open({}, engine);
  const follower = await StoreWorld.follow({}, engine);
  await world.reopen();
  await world.put(put('key', 'value'));
  const { sequence } = world.store;
  // As if merging had put the beginning of the last commit behind that of the epoch.
  const key = new LogKeys('test').slot(sequence - 1);
  await using snapshot = await engine.snapshot();
  const chunk = Buffer.from((await snapshot.get(key))!);
  writeChunkHeader(chunk, { ...readChunk(chunk, sequence - 1).header, continues: true }, 0);
  const { signal } = new AbortController();
  await engine.commit({ conditions: [], writes: [{ key, value: chunk }] }, signal);
  const before = [follower.store.sequence, follower.store.epoch];
  await follower.store.catchUp(sequence - 1);
  expect([follower.store.sequence, follower.store.epoch]).toEqual(before);
  await follower.store.catchUp(sequence);
  expect([follower.store.sequence, follower.store.epoch]).toEqual([sequence, world.store.epoch]);
});
