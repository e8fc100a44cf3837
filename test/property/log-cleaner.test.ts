/** What cleaning gives back, and what it must leave alone. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import { EngineError } from '../../src/engine/index.ts';
import { LevelEngine } from '../../src/engine/level/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { Segments } from '../../src/index/index.ts';
import { SimpleLeader } from './log-leader.ts';

const NOBODY = { settled: () => undefined };
const KIB = 1024;

async function stored(
  engine: MemoryEngine,
  leader: SimpleLeader,
): Promise<{ bytes: number; chunks: number }> {
  await using snapshot = await engine.snapshot();
  let [bytes, chunks] = [0, 0];
  for await (const entries of snapshot.scan(leader.keys.slotsFrom(1)))
    for (const { value } of entries) [bytes, chunks] = [bytes + value.length, chunks + 1];
  return { bytes, chunks };
}

async function replayed(engine: MemoryEngine): Promise<SimpleLeader> {
  const leader = new SimpleLeader(engine, new Segments());
  await leader.open(2);
  return leader;
}

function state(leader: SimpleLeader): string {
  return JSON.stringify([leader.revision, leader.compacted, [...leader.versions].sort()]);
}

describe('Cleaner', () => {
  it('promise 8: LevelDB gives the space of overwritten keys back to the disk by itself', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'engram-cleaner-'));
    const engine = await LevelEngine.open({ directory, sync: false });
    try {
      const leader = new SimpleLeader(engine, new Segments());
      await leader.open(1, { deadBytesMin: 1024 * KIB, replacedBytesMin: 2048 * KIB });
      const [count, bytes] = [50, 50 * KIB];
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < count; i++) leader.put(`key${i}`, randomBytes(bytes), NOBODY);
        await leader.flushed();
        await leader.compact(leader.revision);
        await leader.cleanUntilIdle();
      }
      // 2.5 MB are live. Without being asked, LevelDB keeps 25 MB, however long one waits.
      await expect.poll(() => engine.sizeBytes(), { timeout: 60_000 }).toBeLessThan(10_000 * KIB);
    } finally {
      await engine.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('asks the engine again for the space of what was replaced when it could not give it back', async () => {
    const engine = new MemoryEngine();
    const leader = new SimpleLeader(engine, new Segments());
    await leader.open(1, { deadBytesMin: 64 * KIB, replacedBytesMin: 64 * KIB });
    const asked = vi.spyOn(engine, 'compact').mockRejectedValueOnce(new EngineError('unavailable', 'a test'));
    for (let i = 0; i < 100; i++) leader.put('key', Buffer.alloc(4 * KIB, i), NOBODY);
    await leader.flushed();
    await leader.compact(leader.revision);
    await leader.flushed();
    leader.put('last', Buffer.alloc(1), NOBODY);
    await leader.flushed();
    await expect(leader.cleanUntilIdle()).rejects.toThrow('a test');
    await leader.cleanUntilIdle();
    expect(asked).toHaveBeenCalledTimes(2);
    expect(asked.mock.calls[1]).toEqual(asked.mock.calls[0]);
  });

  it('promise 8: overwritten keys, with compaction on, leave a small multiple of the live data', async () => {
    const engine = new MemoryEngine();
    const leader = new SimpleLeader(engine, new Segments());
    await leader.open(1, { deadBytesMin: 256 * KIB });
    const [count, bytes] = [100, 10 * KIB];
    let most = 0;
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < count; i++) leader.put(`key${i}`, Buffer.alloc(bytes, round), NOBODY);
      await leader.flushed();
      await leader.compact(leader.revision - count);
      await leader.cleanUntilIdle();
      most = Math.max(most, (await stored(engine, leader)).bytes);
    }
    // Two rounds are uncompacted or live.
    expect(most).toBeLessThan(2 * count * bytes * 2 + 4 * 1024 * KIB);
    const found = await stored(engine, leader);
    expect([leader.map.bytes, leader.map.chunks]).toEqual([found.bytes, found.chunks]);
    const before = state(leader);
    await leader.writer.stop();
    expect(state(await replayed(engine))).toBe(before);
  });

  it('promise 8: the tombstones of deleted keys are gone after a sweep', async () => {
    const engine = new MemoryEngine();
    const leader = new SimpleLeader(engine, new Segments());
    await leader.open(1);
    const count = 20_000;
    for (let i = 0; i < count; i++) leader.put(`key${i}`, Buffer.alloc(20), NOBODY);
    await leader.flushed();
    for (let i = 0; i < count; i++) leader.remove(`key${i}`, NOBODY);
    await leader.flushed();
    leader.put('last', Buffer.alloc(1), NOBODY);
    await leader.flushed();
    await leader.compact(leader.revision);
    expect(leader.map.removals).toBe(count);
    await leader.cleanUntilIdle();
    expect(leader.map.removals).toBe(0);
    expect(leader.map.entries).toBeLessThan(10);
    expect((await stored(engine, leader)).bytes).toBeLessThan(2 * KIB);
    await leader.writer.stop();
    const again = await replayed(engine);
    expect([...again.versions.keys()]).toEqual(['last']);
    expect(again.map.removals).toBe(0);
  });

  it('small chunks are merged into large ones, once, and reading bodies goes on meanwhile', async () => {
    const engine = new MemoryEngine();
    const leader = new SimpleLeader(engine, new Segments());
    await leader.open(1, { stepBytesMax: 100 * KIB });
    const count = 3000;
    for (let i = 0; i < count; i++) {
      leader.put(`key${i}`, Buffer.alloc(200, i), NOBODY);
      await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = await stored(engine, leader);
    expect(before.chunks).toBeGreaterThan(count);
    let read = 0;
    while ((await leader.cleaner.step()) === 'worked') {
      const revision = 2 + ((read * 379) % count);
      const body = await leader.history.body(revision, 0);
      expect(body).not.toBe('compacted');
      expect(Buffer.from(body as Uint8Array).includes(`key${revision - 2}`)).toBe(true);
      read++;
    }
    const after = await stored(engine, leader);
    expect(after.chunks).toBeLessThan(2 + (after.bytes / (64 * KIB)) * 2 + 256);
    expect(read).toBeGreaterThan(3);
    expect(await leader.cleanUntilIdle()).toBe(0);
    let next = 2;
    for await (const { revision } of leader.history.bodies(2, leader.revision, new AbortController().signal))
      expect(revision).toBe(next++);
    expect(next).toBe(leader.revision + 1);
  });

  it('what is compacted is answered so, also by a stream of history', async () => {
    const engine = new MemoryEngine();
    const leader = new SimpleLeader(engine, new Segments());
    await leader.open(1);
    for (let i = 0; i < 100; i++) leader.put('key', Buffer.alloc(200, i), NOBODY);
    await leader.flushed();
    await leader.compact(90);
    leader.cleaner.demand();
    await leader.cleanUntilIdle();
    expect(await leader.history.body(5, 0)).toBe('compacted');
    expect(await leader.history.body(95, 0)).not.toBe('compacted');
    const read = async () => {
      for await (const { revision } of leader.history.bodies(5, 99, new AbortController().signal))
        expect(revision).toBeGreaterThan(1);
    };
    await expect(read()).rejects.toMatchObject({ code: 'log-compacted', compacted: 90 });
    await expect(leader.history.body(500, 0)).rejects.toMatchObject({ code: 'log-damaged' });
  });
});
