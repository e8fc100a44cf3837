/**
 * Promise 10: a log in which two chunk formats lie beside one another, as a rolling upgrade leaves it. Format 2 exists
 * here only; what is in it is as in format 1.
 */
import { describe, expect, it } from 'vitest';

import { SeededRandom } from '../../src/base/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { Segments } from '../../src/index/index.ts';
import { sequenceOfSlot } from '../../src/log/index.ts';
import type { CleanerLimits } from '../../src/log/index.ts';
import { SimpleLeader } from './log-leader.ts';

const NOBODY = { settled: () => undefined };
const EAGER: Partial<CleanerLimits> = {
  ...{ deadBytesMin: 1, deadShareMin: 0, removalsMin: 1, removalsShareMin: 0, newChunksMin: 1 },
  chunkBytesMin: 600,
};

class MixedLog {
  readonly engine = new MemoryEngine();
  writes = 1;
  knows = 2;
  #epoch = 0;

  async lead(): Promise<SimpleLeader> {
    const leader = new SimpleLeader(this.engine, new Segments());
    leader.formats = { knows: this.knows, writes: () => this.writes };
    await leader.open(++this.#epoch, EAGER);
    return leader;
  }

  /** The formats of the chunks in the order of the log. */
  async formats(leader: SimpleLeader): Promise<Map<number, number>> {
    const formats = new Map<number, number>();
    await using snapshot = await this.engine.snapshot();
    for await (const entries of snapshot.scan(leader.keys.slotsFrom(1)))
      for (const { key, value } of entries)
        formats.set(sequenceOfSlot(key), Buffer.from(value).readUInt16LE(8));
    return formats;
  }
}

function state(leader: SimpleLeader): string {
  return JSON.stringify([leader.revision, leader.compacted, [...leader.versions].sort()]);
}

async function put(leader: SimpleLeader, key: string, bytes = 20): Promise<void> {
  leader.put(key, Buffer.alloc(bytes, key), NOBODY);
  await leader.flushed();
}

describe('a log of two formats', () => {
  it('promise 10: is replayed, whichever chunk is of which', async () => {
    let mixed = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const log = new MixedLog();
      const random = new SeededRandom(seed);
      let leader = await log.lead();
      for (let step = 0; step < 60; step++) {
        const dice = random.next();
        const key = `key${random.int(0, 9)}`;
        if (dice < 0.6) await put(leader, key, random.int(1, 300));
        else if (dice < 0.75) {
          leader.remove(key, NOBODY);
          await leader.flushed();
        } else if (dice < 0.85) log.writes = random.int(1, 2);
        else if (dice < 0.95) {
          await leader.compact(random.int(1, leader.revision));
          leader.cleaner.demand();
          for (let i = random.int(0, 20); i > 0; i--) await leader.cleaner.step();
        } else {
          const before = state(leader);
          await leader.writer.stop();
          leader = await log.lead();
          expect({ seed, state: state(leader) }).toEqual({ seed, state: before });
        }
      }
      mixed += new Set((await log.formats(leader)).values()).size - 1;
      const before = state(leader);
      await leader.writer.stop();
      expect({ seed, state: state(await log.lead()) }).toEqual({ seed, state: before });
    }
    expect(mixed).toBeGreaterThan(30);
  });

  it('promise 10: is written in the format of the moment, chunk by chunk', async () => {
    const log = new MixedLog();
    const leader = await log.lead();
    await put(leader, 'a');
    log.writes = 2;
    await put(leader, 'b');
    expect([...(await log.formats(leader)).values()]).toEqual([1, 1, 2]);
  });

  it('promise 10: what is cleaned has the format of the moment', async () => {
    const log = new MixedLog();
    const leader = await log.lead();
    for (let i = 0; i < 40; i++) await put(leader, `key${i % 4}`, 200);
    await leader.compact(leader.revision);
    expect(new Set((await log.formats(leader)).values())).toEqual(new Set([1]));
    log.writes = 2;
    leader.cleaner.demand();
    await leader.cleanUntilIdle();
    expect([...(await log.formats(leader)).values()][0]).toBe(2);
  });

  it('promise 10: cleaning rewrites old chunks, and never lowers their format', async () => {
    const log = new MixedLog();
    const leader = await log.lead();
    for (let i = 0; i < 40; i++) await put(leader, `key${i % 4}`, 200);
    log.writes = 2;
    for (let i = 0; i < 40; i++) await put(leader, `key${i % 4}`, 200);
    // A program that knows both goes on in the older one, as one may that has not read the record of the members yet.
    log.writes = 1;
    await put(leader, 'last');
    await put(leader, 'last');
    const before = await log.formats(leader);
    const firstOfTwo = [...before].find(([, format]) => format === 2)?.[0] ?? 0;
    await leader.compact(20);
    leader.cleaner.demand();
    await leader.cleanUntilIdle();
    const after = await log.formats(leader);
    expect(after.size).toBeLessThan(before.size / 2);
    for (const [last, format] of after) if (last < firstOfTwo) expect(format).toBe(1);
    expect([...after.values()]).toContain(2);
    log.writes = 2;
    await leader.compact(leader.revision);
    leader.cleaner.demand();
    await leader.cleanUntilIdle();
    expect([...(await log.formats(leader)).values()][0]).toBe(2);
    const found = state(leader);
    await leader.writer.stop();
    expect(state(await log.lead())).toBe(found);
  });

  it('promise 10: is refused with both numbers by who knows the old one only, wherever it is read', async () => {
    const log = new MixedLog();
    log.knows = 1;
    const old = await log.lead();
    await put(old, 'a');
    await put(old, 'b');
    log.knows = log.writes = 2;
    const leader = await log.lead();
    await put(leader, 'c');
    const refused = {
      code: 'log-format',
      message: expect.stringMatching(/chunk 4: it has format 2 .* up to 1 \(use/) as string,
    };
    // A start; the history; what has become of a commit.
    log.knows = log.writes = 1;
    await expect(log.lead()).rejects.toMatchObject(refused);
    const read = async (): Promise<void> => {
      for await (const { revision } of old.history.bodies(2, 9, new AbortController().signal))
        expect(revision).toBeLessThan(4);
    };
    await expect(read()).rejects.toMatchObject(refused);
    expect(old.map.lastSequence).toBe(3);
    const outcomes: string[] = [];
    old.deposed = () => undefined;
    old.put('lost', Buffer.alloc(1), { settled: (outcome) => void outcomes.push(outcome) });
    await expect.poll(() => outcomes, { timeout: 60_000 }).toEqual(['timed-out']);
  });

  it('is never written by who does not know it', async () => {
    const log = new MixedLog();
    log.knows = 1;
    log.writes = 2;
    await expect(log.lead()).rejects.toThrow(/what is written can be read/);
  });
});
