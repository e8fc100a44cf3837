/** A real leader's commits reach a real store by the follower's hands, in the order and the shape that a test chooses. */
import { describe, expect, it } from 'vitest';
import {
  deleteRange,
  GatedEngine,
  op,
  put,
  range,
  StoreWorld,
  turns,
  txn,
} from '../../test/property/store-world.ts';
import { SeededRandom, silentLogger } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import type { Entry, Snapshot, Write } from '../engine/index.ts';
import type { CommittedChunk, LogError } from '../log/index.ts';
import { LogKeys } from '../log/index.ts';
import type { PeerChunk } from '../wire/peer-message.ts';
import { NO_FAULTS } from './faults.ts';
import { Follower } from './follower.ts';
import type { FollowerOptions } from './follower.ts';

const TIMEOUT_MS = 7000;
const EVERYTHING = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
const ALL = range('\0', '\0', { serializable: true });

/** An engine whose reads a test counts, holds back, or has fail. */
class ReadEngine extends GatedEngine {
  reads = 0;
  failure: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  override async snapshot(): Promise<Snapshot> {
    this.reads++;
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return super.snapshot();
  }

  /** Returns what lets the reads through again. */
  holdReads(): () => void {
    let open = (): void => undefined;
    this.gate = new Promise((resolve) => (open = resolve));
    return open;
  }

  async everything(): Promise<Entry[]> {
    const found: Entry[] = [];
    await using snapshot = await super.snapshot();
    for await (const entries of snapshot.scan(EVERYTHING)) found.push(...entries);
    return found;
  }

  async write(...writes: readonly Write[]): Promise<void> {
    await this.commit({ conditions: [], writes }, new AbortController().signal);
  }
}

class FollowerWorld {
  readonly engine = new ReadEngine();
  readonly told: string[] = [];
  readonly warnings: string[] = [];
  /** What the leader has committed and nobody has been told of. */
  readonly commits: (readonly CommittedChunk[])[] = [];
  leader!: StoreWorld;
  world!: StoreWorld;
  follower!: Follower;

  static async of(
    options: Partial<FollowerOptions> = {},
    store: ConstructorParameters<typeof StoreWorld>[1] = {},
  ): Promise<FollowerWorld> {
    const it = new FollowerWorld();
    it.leader = await StoreWorld.open(store, it.engine);
    it.leader.store.onCommit((_revision, chunks) => {
      if (chunks.length > 0) it.commits.push(chunks);
    });
    it.world = await StoreWorld.follow({ name: 'follower' }, it.engine);
    const { time } = it.world;
    const warn = (message: string): void => void it.warnings.push(message);
    it.follower = new Follower({
      ...{ store: it.world.store, clock: time, scheduler: time, random: new SeededRandom(1) },
      ...{ logger: { ...silentLogger, warn }, faults: NO_FAULTS, requestTimeoutMs: TIMEOUT_MS },
      swept: () => void it.told.push('swept'),
      corrupt: (error: LogError) => void it.told.push(`corrupt ${error.code}`),
      failed: (error) => void it.told.push(`failed ${String(error)}`),
      ...options,
    });
    it.follower.start();
    it.follower.announce(it.leader.store.sequence);
    it.engine.reads = 0;
    return it;
  }

  get sequence(): number {
    return this.world.store.sequence;
  }

  /** The leader commits, and nobody is told. */
  async commit(key: string, value = 'v'): Promise<readonly CommittedChunk[]> {
    await this.leader.put(put(key, value));
    return this.commits.shift()!;
  }

  async keys(): Promise<string[]> {
    return (await this.world.range(ALL)).kvs.map(({ key }) => key);
  }

  wait(sequence: number): string[] {
    const told: string[] = [];
    this.follower.whenApplied(sequence, (refusal) => void told.push(refusal ?? 'applied'));
    return told;
  }
}

const last = (chunks: readonly PeerChunk[]): number => chunks.at(-1)?.sequence ?? 0;

describe('a follower', () => {
  it('applies what was pushed once it is announced, and reads nothing from the engine', async () => {
    const it = await FollowerWorld.of();
    const first = await it.commit('a');
    const second = await it.commit('b');
    it.follower.commit(first);
    it.follower.commit(second);
    expect(await it.keys()).toEqual([]);
    it.follower.announce(last(first));
    expect(await it.keys()).toEqual(['a']);
    it.follower.announce(last(second));
    expect(await it.keys()).toEqual(['a', 'b']);
    expect(it.engine.reads).toBe(0);
  });

  it('promise 2: applies a commit of several chunks as one, when all of it is announced', async () => {
    const it = await FollowerWorld.of({}, { limits: { segmentBytes: 4096 } });
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    await it.leader.txn(
      txn(
        [],
        keys.map((key) => op.put(key, 'x'.repeat(1000))),
      ),
    );
    const chunks = it.commits.shift()!;
    expect(chunks.length).toBeGreaterThan(1);
    it.follower.commit(chunks);
    it.follower.announce(last(chunks) - 1);
    expect(await it.keys()).toEqual([]);
    it.follower.announce(last(chunks));
    expect(await it.keys()).toEqual(keys);
    expect(it.engine.reads).toBe(0);
  });

  it('reads from the engine what was announced and is not here, and goes on with what was pushed behind it', async () => {
    const it = await FollowerWorld.of();
    await it.commit('a');
    const second = await it.commit('b');
    it.follower.announce(last(second));
    await turns();
    expect(await it.keys()).toEqual(['a', 'b']);
    expect(it.engine.reads).toBe(1);
    const third = await it.commit('c');
    it.follower.commit(third);
    it.follower.announce(last(third));
    expect(await it.keys()).toEqual(['a', 'b', 'c']);
    expect(it.engine.reads).toBe(1);
  });

  it('goes back to what is pushed after one read, however fast the leader writes', async () => {
    const it = await FollowerWorld.of();
    const missed = await it.commit('a');
    const open = it.engine.holdReads();
    it.follower.announce(last(missed));
    for (let i = 0; i < 5; i++) {
      const chunks = await it.commit(`b${i}`);
      it.follower.commit(chunks);
      it.follower.announce(last(chunks));
    }
    // The read sees a state from before what comes now.
    const behind = await it.commit('c');
    it.follower.commit(behind);
    open();
    it.engine.gate = Promise.resolve();
    await turns(1);
    const newer = await it.commit('d');
    it.follower.commit(newer);
    it.follower.announce(last(newer));
    await turns();
    expect(await it.keys()).toEqual(['a', 'b0', 'b1', 'b2', 'b3', 'b4', 'c', 'd']);
    expect(it.engine.reads).toBe(1);
  });

  it('applies what waited in several turns, and what comes meanwhile behind it', async () => {
    const it = await FollowerWorld.of();
    const before = it.sequence;
    for (let i = 0; i < 600; i++) it.follower.commit(await it.commit('k', String(i)));
    it.follower.announce(it.leader.store.sequence);
    expect(it.sequence - before).toBe(128);
    it.follower.commit(await it.commit('k', 'last'));
    it.follower.announce(it.leader.store.sequence);
    expect(it.sequence - before).toBe(128);
    await turns(30);
    expect(it.sequence).toBe(it.leader.store.sequence);
    expect((await it.world.range(ALL)).kvs).toMatchObject([{ value: 'last' }]);
    expect(it.engine.reads).toBe(0);
  });

  it('promise 7: drops what waits beyond a bound, and reads it from the engine', async () => {
    const it = await FollowerWorld.of({ receivedBytesMax: 1500 });
    const commits: (readonly CommittedChunk[])[] = [];
    for (const key of ['a', 'b', 'c', 'd']) commits.push(await it.commit(key, 'x'.repeat(500)));
    for (const chunks of commits) it.follower.commit(chunks);
    it.follower.announce(last(commits[3]!));
    expect(await it.keys()).toEqual([]);
    await turns();
    expect(await it.keys()).toEqual(['a', 'b', 'c', 'd']);
    expect(it.engine.reads).toBe(1);
  });

  it('reads from the engine what came damaged', async () => {
    const it = await FollowerWorld.of();
    const chunks = await it.commit('a');
    const damaged = chunks.map(({ sequence, bytes }) => {
      const copy = Buffer.from(bytes);
      copy[copy.length - 1]! ^= 1;
      return { sequence, bytes: copy };
    });
    it.follower.commit(damaged);
    it.follower.announce(last(chunks));
    expect(await it.keys()).toEqual([]);
    await turns();
    expect(await it.keys()).toEqual(['a']);
    expect(it.warnings).toHaveLength(1);
    expect(it.told).toEqual([]);
  });

  it('tries again, later and later, while the engine does not answer', async () => {
    const it = await FollowerWorld.of();
    const chunks = await it.commit('a');
    it.engine.failure = new EngineError('unavailable', 'away');
    it.follower.announce(last(chunks));
    for (let i = 0; i < 100; i++) {
      await it.world.time.advance(100);
      // What is announced meanwhile does not mend the engine.
      it.follower.announce(last(await it.commit('a')));
    }
    expect(it.engine.reads).toBeGreaterThan(8);
    expect(it.engine.reads).toBeLessThan(30);
    expect(it.warnings).toHaveLength(1);
    it.engine.failure = undefined;
    await it.world.time.advance(1000);
    expect(await it.keys()).toEqual(['a']);
  });

  it('goes on at once when more is announced, if it waits for that and not for the engine', async () => {
    const it = await FollowerWorld.of();
    const chunks = await it.commit('a');
    const next = await it.commit('b');
    // As behind a merge: what is stored reaches beyond what is announced.
    const slot = new LogKeys('test').slot(last(chunks));
    await it.engine.write({ key: slot, value: undefined });
    it.follower.announce(last(chunks));
    await it.world.time.advance(5000);
    const { reads } = it.engine;
    expect(reads).toBeLessThan(20);
    it.follower.announce(last(next));
    await turns();
    expect(it.engine.reads).toBe(reads + 1);
  });

  it('answers readers when what they wait for is applied, and refuses them when that takes too long', async () => {
    const it = await FollowerWorld.of({ readersMax: 2 });
    expect(it.wait(it.sequence)).toEqual(['applied']);
    const chunks = await it.commit('a');
    it.engine.failure = new EngineError('unavailable', 'away');
    const waits = it.wait(last(chunks));
    const tooHigh = it.wait(last(chunks) + 1);
    expect(it.wait(last(chunks))).toEqual(['TooManyRequests']);
    await it.world.time.advance(TIMEOUT_MS - 500);
    it.follower.commit(chunks);
    it.follower.announce(last(chunks));
    await it.world.time.advance(100);
    expect(waits).toEqual(['applied']);
    expect(tooHigh).toEqual([]);
    await it.world.time.advance(1000);
    expect(tooHigh).toEqual(['TimeoutWaitAppliedIndex']);
  });

  it('writes nothing to its store from when it has stopped to when it starts again', async () => {
    const it = await FollowerWorld.of();
    const chunks = await it.commit('a');
    const open = it.engine.holdReads();
    it.follower.announce(last(chunks));
    await turns();
    let isStopped = false;
    const stopping = it.follower.stop().then(() => (isStopped = true));
    await turns();
    expect(isStopped).toBe(false);
    open();
    await stopping;
    const { sequence } = it;
    const second = await it.commit('b');
    it.follower.commit(second);
    it.follower.announce(last(second));
    await turns();
    expect(it.sequence).toBe(sequence);
    it.follower.start();
    await turns();
    expect(await it.keys()).toEqual(['a', 'b']);
  });

  it('that is retired refuses who waits, and who comes', async () => {
    const it = await FollowerWorld.of();
    const waits = it.wait(it.sequence + 1);
    await it.follower.retire();
    expect(waits).toEqual(['Timeout']);
    expect(it.wait(it.sequence)).toEqual(['Timeout']);
    it.follower.start();
    const chunks = await it.commit('a');
    it.follower.announce(last(chunks));
    await turns();
    expect(await it.keys()).toEqual([]);
  });
});

describe('a follower whose log cannot be gone on with', () => {
  /** Nothing is read or applied any more, and what is there is still shown. */
  async function isOver(it: FollowerWorld, keys: readonly string[]): Promise<void> {
    const { reads } = it.engine;
    it.follower.announce(it.leader.store.sequence);
    await it.world.time.advance(20_000);
    expect(it.engine.reads).toBe(reads);
    expect(await it.keys()).toEqual(keys);
  }

  it('promise 1: tells of a damaged chunk, and skips nothing', async () => {
    const it = await FollowerWorld.of();
    it.follower.commit(await it.commit('a'));
    it.follower.announce(it.leader.store.sequence);
    const [chunk] = await it.commit('b');
    await it.commit('c');
    const key = new LogKeys('test').slot(chunk!.sequence);
    const value = Buffer.from(chunk!.bytes);
    value[value.length - 1]! ^= 1;
    await it.engine.write({ key, value });
    it.follower.announce(it.leader.store.sequence);
    await turns();
    expect(it.told).toEqual(['corrupt log-damaged']);
    await isOver(it, ['a']);
  });

  it('promise 1: tells of a store that has forgotten', async () => {
    const it = await FollowerWorld.of();
    const backup = await it.engine.everything();
    it.follower.commit(await it.commit('a'));
    it.follower.announce(it.leader.store.sequence);
    await it.commit('b');
    await it.engine.write(...backup);
    it.follower.announce(it.leader.store.sequence);
    await turns();
    expect(it.told).toEqual(['corrupt log-forgotten']);
    await isOver(it, ['a']);
  });

  it('tells of a sweep that has passed it', async () => {
    const eager = { deadBytesMin: 1, deadShareMin: 0.01, removalsMin: 1, removalsShareMin: 0.01 };
    const cleanerLimits = { ...eager, stepBytesMax: 3000, chunkBytesMin: 700, newChunksMin: 2 };
    const it = await FollowerWorld.of({}, { cleanerLimits });
    for (let i = 0; i < 30; i++) await it.leader.put(put(`k${i % 3}`, 'x'.repeat(200)));
    await it.leader.deleteRange(deleteRange('k0'));
    await it.leader.put(put('last', '0'));
    await it.leader.compact(it.leader.store.revision, true);
    for (let i = 0; i < 3; i++) {
      await it.leader.put(put('last', String(i)));
      await it.leader.store.defragment();
    }
    it.follower.announce(it.leader.store.sequence);
    await turns();
    expect(it.told).toEqual(['swept']);
    await isOver(it, []);
  });
});
