/** What the simulation cannot arrange at will: listeners that throw, commits that land late, records that cannot be read. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { SeededRandom, silentLogger } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import type { Batch, CommitResult } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { MemoryEngine } from '../engine/memory/index.ts';
import { LeaderLease } from './leader-lease.ts';
import type { LeaderLeaseListener } from './leader-lease.ts';
import { decodeLeaderRecord, encodeLeaderRecord } from './leader-record.ts';
import type { LeaderRecord } from './leader-record.ts';

const LEASE_MS = 800;
const RENEW_MS = 200;
const KEY = Buffer.from('engram/k/leader');
const OTHERS: LeaderRecord = {
  ...{ holder: 'b#1', name: 'b', peerUrls: [], epoch: 7, counter: 3, leaseMs: LEASE_MS },
  ...{ released: false, to: '' },
};

/** Commits of the lease land when a test lets them; those of others at once. */
class LateEngine extends MemoryEngine {
  isLate = false;
  /** What is committed lands unheard of; after that, answers make no sense. */
  isOdd = false;
  begun = 0;
  #waiting: (() => void)[] = [];

  override async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.begun++;
    if (this.isLate) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const result = await super.commit(batch, signal);
    if (!this.isOdd) return result;
    if (result.kind === 'committed') return { kind: 'uncertain', cause: new Error('no answer') };
    throw new EngineError('corrupt', 'makes no sense');
  }

  async put(value: Bytes): Promise<void> {
    const { signal } = new AbortController();
    await super.commit({ conditions: [], writes: [{ key: KEY, value }] }, signal);
  }

  async land(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve();
    await microtasks();
  }
}

class LeaseWorld {
  readonly time = new ManualTime();
  readonly engine = new LateEngine();
  readonly told: string[] = [];
  readonly errors: unknown[] = [];
  readonly lease: LeaderLease;

  constructor(listener: Partial<LeaderLeaseListener> = {}) {
    const { time, engine, told, errors } = this;
    const error = (message: string, fields: unknown): void => void errors.push([message, fields]);
    this.lease = new LeaderLease(
      {
        ...{ engine, key: KEY, clock: time, scheduler: time, random: new SeededRandom(1) },
        ...{ leaseMs: LEASE_MS, renewMs: RENEW_MS, epochInLog: () => 0 },
        logger: { ...silentLogger, error },
        self: { holder: 'a#1', name: 'a', peerUrls: [] },
      },
      {
        claimed: (epoch) => void told.push(`claimed ${epoch}`),
        renewed: () => void told.push('renewed'),
        lost: () => void told.push('lost'),
        follows: ({ name }) => void told.push(`follows ${name}`),
        ...listener,
      },
    );
  }

  /** In steps that are short beside a renewal, so that what waits for a promise is not late. */
  async run(ms: number): Promise<void> {
    await microtasks();
    for (let left = ms; left > 0; left -= 10) {
      this.time.advance(Math.min(10, left));
      await microtasks();
    }
  }

  async record(): Promise<LeaderRecord> {
    await using snapshot = await this.engine.snapshot();
    return decodeLeaderRecord((await snapshot.get(KEY))!);
  }
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

describe('the leader lease', () => {
  it.each(['claimed', 'renewed', 'lost', 'follows'] as const)(
    'does not swallow what `%s` throws',
    async (at) => {
      let stopped: Promise<void> | undefined;
      const world = new LeaseWorld({
        [at]: () => {
          // Somebody waits for the end before it comes: else the rejection would end the process, as it is to.
          stopped = world.lease.stop();
          throw new Error(`a bug in ${at}`);
        },
      });
      if (at === 'follows') await world.engine.put(encodeLeaderRecord(OTHERS));
      world.lease.start();
      await world.run(50);
      if (at === 'lost') await world.engine.put(encodeLeaderRecord(OTHERS));
      await world.run(RENEW_MS);
      await expect(stopped).rejects.toThrow(`a bug in ${at}`);
      expect(world.errors).toEqual([]);
    },
  );

  it('is not renewed by what took longer than it lasts; that is repeated at once', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    lease.start();
    await world.run(RENEW_MS + 10);
    expect(told).toEqual(['claimed 1', 'renewed']);
    engine.isLate = true;
    await world.run(RENEW_MS);
    expect(engine.begun).toBe(3);
    await world.run(LEASE_MS);
    expect({ told, begun: engine.begun, holds: lease.holds() }).toEqual({
      ...{ told: ['claimed 1', 'renewed'], begun: 3, holds: false },
    });
    // No time passes from here on.
    await engine.land();
    expect({ told, begun: engine.begun, holds: lease.holds() }).toEqual({
      ...{ told: ['claimed 1', 'renewed'], begun: 4, holds: false },
    });
    await engine.land();
    expect({ told, begun: engine.begun, holds: lease.holds() }).toEqual({
      ...{ told: ['claimed 1', 'renewed', 'renewed'], begun: 4, holds: true },
    });
    await lease.stop();
  });

  it('runs from when its renewal was first sent, which others may have seen, also if it is found out later', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    lease.start();
    await world.run(RENEW_MS - 10);
    engine.isOdd = true;
    await world.run(20);
    const { counter } = await world.record();
    expect({ told, counter }).toEqual({ told: ['claimed 1'], counter: 1 });
    // Others wait from here on.
    await world.run(2 * RENEW_MS);
    engine.isOdd = false;
    await world.run(RENEW_MS);
    expect({ told, ...(await world.record()) }).toMatchObject({ told: ['claimed 1', 'renewed'], counter: 1 });
    engine.isLate = true;
    await world.run(LEASE_MS - 3 * RENEW_MS);
    expect(lease.holds()).toBe(false);
    engine.isLate = false;
    await engine.land();
    await lease.stop();
  });

  it("is waited for as long as the holder's lasts, not this node's own", async () => {
    const world = new LeaseWorld();
    await world.engine.put(encodeLeaderRecord({ ...OTHERS, leaseMs: 3 * LEASE_MS }));
    world.lease.start();
    await world.run(3 * LEASE_MS * 1.25 - 10);
    expect(world.told).toEqual(['follows b']);
    await world.run(20);
    expect(world.told).toEqual(['follows b', 'claimed 8']);
    await world.lease.stop();
  });

  it('left behind by a claim that failed and landed unheard of is waited for like that of another node', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    engine.isOdd = true;
    lease.start();
    await world.run(10);
    const first = await world.record();
    expect({ told, holder: first.holder }).toEqual({ told: [], holder: 'a#1' });
    engine.isOdd = false;
    // Its own record is somebody else's to it: a lease of unknown beginning is waited for.
    await world.run(LEASE_MS);
    expect(told).toEqual(['follows a']);
    await world.run(LEASE_MS / 2);
    expect(told.slice(0, 2)).toEqual(['follows a', 'claimed 2']);
    expect((await world.record()).counter).not.toBe(first.counter);
    await lease.stop();
  });

  it('is given up as soon as a claim has landed that was under way', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    engine.isLate = true;
    lease.start();
    await world.run(50);
    let isReleased = false;
    const released = lease.release('b#1').then(() => (isReleased = true));
    await world.run(50);
    expect(isReleased).toBe(false);
    engine.isLate = false;
    await engine.land();
    expect({ told, isReleased, holds: lease.holds() }).toEqual({
      ...{ told: ['lost'], isReleased: true, holds: false },
    });
    await released;
    expect(await world.record()).toMatchObject({ holder: 'a#1', epoch: 1, released: true, to: 'b#1' });
    await lease.stop();
  });

  it('holds nothing after it was stopped, and has nothing to give up', async () => {
    const world = new LeaseWorld();
    const { lease } = world;
    lease.start();
    await world.run(50);
    expect(lease.epoch).toBe(1);
    await lease.stop();
    expect([lease.epoch, lease.holds()]).toEqual([undefined, false]);
    let isReleased = false;
    void lease.release('').then(() => (isReleased = true));
    await world.run(50);
    expect(isReleased).toBe(true);
  });

  it('tells who has it at once when another was faster with a claim', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    engine.isLate = true;
    lease.start();
    await world.run(50);
    await engine.put(encodeLeaderRecord(OTHERS));
    await engine.land();
    await microtasks();
    expect(told).toEqual(['follows b']);
    await lease.stop();
  });

  it('is looked at often while it is given up, so that who has it next is followed soon', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    await engine.put(encodeLeaderRecord({ ...OTHERS, released: true, to: 'c#1' }));
    lease.start();
    await world.run(50);
    await engine.put(encodeLeaderRecord({ ...OTHERS, name: 'c', holder: 'c#1', epoch: 8 }));
    await world.run(RENEW_MS / 10);
    expect(told).toEqual(['follows c']);
    await lease.stop();
  });

  it('is claimed at once by whom it was given up to, also if that one has given it up a moment ago', async () => {
    const world = new LeaseWorld();
    const { lease, engine } = world;
    lease.start();
    await world.run(50);
    expect(world.told).toEqual(['claimed 1']);
    const released = lease.release('b#1');
    await world.run(10);
    await released;
    await engine.put(encodeLeaderRecord({ ...OTHERS, epoch: 2 }));
    await world.run(RENEW_MS);
    expect(world.told.slice(1)).toEqual(['lost', 'follows b']);
    await engine.put(encodeLeaderRecord({ ...OTHERS, epoch: 2, counter: 4, released: true, to: 'a#1' }));
    lease.look();
    await world.run(20);
    expect(world.told.slice(3)).toEqual(['claimed 3']);
    await lease.stop();
  });

  it('does not wait for a claim that another was faster with', async () => {
    const world = new LeaseWorld();
    const { lease, engine, told } = world;
    engine.isLate = true;
    lease.start();
    await world.run(50);
    const released = lease.release('');
    await engine.put(encodeLeaderRecord(OTHERS));
    await engine.land();
    await released;
    expect(await world.record()).toEqual(OTHERS);
    await world.run(RENEW_MS);
    expect(told).toEqual(['follows b']);
    await lease.stop();
  });

  it.each([
    ['record-damaged', Buffer.from('{')],
    ['record-format', Buffer.from('{"format":2}')],
  ])('says once that a record cannot be read, until one can be: %s', async (code, unreadable) => {
    const world = new LeaseWorld();
    const { lease, engine, errors, told } = world;
    await engine.put(unreadable);
    lease.start();
    await world.run(10 * RENEW_MS);
    const once = [expect.any(String), { error: expect.objectContaining({ code }) }];
    expect(errors).toEqual([once]);
    await engine.put(encodeLeaderRecord(OTHERS));
    await world.run(RENEW_MS);
    expect({ told, errors }).toEqual({ told: ['follows b'], errors: [once] });
    await engine.put(unreadable);
    await world.run(10 * RENEW_MS);
    expect(errors).toEqual([once, once]);
    expect(engine.begun).toBe(0);
    await lease.stop();
  });
});
