/**
 * "A store that forgot" (design.md section 2): a leader whose store is set back under it, whatever is built on it since,
 * finds out with its next commit and is told `forgotten`; one that was only overtaken by another leader is never told so.
 */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';

import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { Engine, Write } from '../../src/engine/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { LogKeys, LogMap, LogWriter, replay } from '../../src/log/index.ts';
import type { Deposition, LogTarget, Outcome } from '../../src/log/index.ts';
import { TestArena, VirtualTime } from './log-world.ts';

const NEVER = new AbortController().signal;
const ANYTHING = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
const nothing: LogTarget = {
  cleanedAt: () => undefined,
  version: () => undefined,
  record: () => undefined,
  applied: () => undefined,
};

async function contentOf(engine: Engine): Promise<Write[]> {
  await using snapshot = await engine.snapshot();
  const content: Write[] = [];
  for await (const entries of snapshot.scan(ANYTHING)) content.push(...entries);
  return content;
}

async function setBack(engine: Engine, content: readonly Write[]): Promise<void> {
  const removals = (await contentOf(engine)).map(({ key }) => ({ key, value: undefined }));
  await engine.commit({ conditions: [], writes: removals }, NEVER);
  if (content.length > 0) await engine.commit({ conditions: [], writes: content }, NEVER);
}

/** A leader that puts one key after another. */
class Leader {
  readonly #writer: LogWriter;
  depositions: Deposition[] = [];

  private constructor(parts: Omit<ConstructorParameters<typeof LogWriter>[0], 'listener'>) {
    const deposed = (why: Deposition) => void this.depositions.push(why);
    this.#writer = new LogWriter({ ...parts, listener: { committed: () => undefined, deposed } });
  }

  static async on(engine: Engine, epoch?: number): Promise<Leader> {
    const keys = new LogKeys('test');
    const [arena, map, time] = [new TestArena(300), new LogMap(), new VirtualTime()];
    const replayed = await replay({ engine, keys, arena, map, target: nothing, signal: NEVER });
    const leader = new Leader({
      ...{ engine, keys, arena, map, ...replayed, clock: time, scheduler: time },
      epoch: epoch ?? replayed.head.epoch + 1,
      random: new SeededRandom(1),
      lease: { holds: () => true },
      logger: silentLogger,
    });
    expect(await leader.#writer.start()).toBe('leading');
    return leader;
  }

  put(bytes: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const revision = this.#writer.proposedRevision + 1;
      this.#writer.put(revision, 0, Buffer.from('key'), revision, 1, Buffer.alloc(bytes, 'x'), 0n);
      this.#writer.seal({ settled: resolve });
    });
  }
}

const small = fc.integer({ min: 0, max: 6 });

describe('a store that forgot', () => {
  test.prop({
    before: small,
    lost: fc.integer({ min: 1, max: 6 }),
    takeOvers: fc.integer({ min: 0, max: 3 }),
    after: small,
    sameEpoch: fc.boolean(),
  })(
    'promise 1: is found out by the next commit, whoever has built on it since',
    async ({ before, lost, takeOvers, after, sameEpoch }) => {
      const engine = new MemoryEngine();
      const leader = await Leader.on(engine);
      for (let at = 0; at < before; at++) expect(await leader.put(at * 10)).toBe('committed');
      const backup = await contentOf(engine);
      for (let at = 0; at < lost; at++) expect(await leader.put(at * 10)).toBe('committed');
      await setBack(engine, backup);
      for (let epoch = 0; epoch < takeOvers; epoch++) {
        // A backup of before this leader's epoch lets another one begin the same epoch again.
        const other = await Leader.on(engine, sameEpoch && epoch === 0 ? 2 : undefined);
        for (let at = 0; at < after; at++) expect(await other.put(at * 10)).toBe('committed');
      }
      expect(await leader.put(1)).toBe('timed-out');
      expect(leader.depositions).toEqual(['forgotten']);
    },
  );

  test.prop({ before: small, after: small })(
    'of before its epoch, in which another one begins the same epoch, is found out',
    async ({ before, after }) => {
      const engine = new MemoryEngine();
      const first = await Leader.on(engine);
      await first.put(10);
      const backup = await contentOf(engine);
      const leader = await Leader.on(engine);
      for (let at = 0; at < before; at++) expect(await leader.put(at * 10)).toBe('committed');
      await setBack(engine, backup);
      const other = await Leader.on(engine);
      for (let at = 0; at < after; at++) expect(await other.put(at * 11)).toBe('committed');
      const outcome = await leader.put(1);
      // As many commits of as many bytes in the same epoch cannot be told apart by their heads.
      fc.pre(after !== before && after !== before + 1);
      expect(outcome).toBe('timed-out');
      expect(leader.depositions).toEqual(['forgotten']);
    },
  );

  test.prop({ before: small, lost: small })('that is empty is found out', async ({ before, lost }) => {
    const engine = new MemoryEngine();
    const leader = await Leader.on(engine);
    for (let at = 0; at < before + lost; at++) await leader.put(at);
    await setBack(engine, []);
    expect(await leader.put(1)).toBe('timed-out');
    expect(leader.depositions).toEqual(['forgotten']);
  });

  test.prop({ before: small, takeOvers: fc.integer({ min: 1, max: 3 }), after: small })(
    'promise 6: is not what a leader sees that was overtaken',
    async ({ before, takeOvers, after }) => {
      const engine = new MemoryEngine();
      const leader = await Leader.on(engine);
      for (let at = 0; at < before; at++) expect(await leader.put(at * 10)).toBe('committed');
      for (let epoch = 0; epoch < takeOvers; epoch++) {
        const other = await Leader.on(engine);
        for (let at = 0; at < after; at++) expect(await other.put(at * 10)).toBe('committed');
      }
      expect(await leader.put(1)).toBe('leader-changed');
      expect(leader.depositions).toEqual(['fenced']);
    },
  );
});
