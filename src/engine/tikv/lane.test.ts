/** Goal: each rule of `CommitLane`. Method: a store in memory that keeps versions, and tells every call that reaches it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom, silentLogger } from '../../base/index.ts';
import type { Bytes, Cancel, Clock, Scheduler } from '../../base/index.ts';
import type { CommitOptions, Mutation, TxnOutcome } from '../../tikv/index.ts';
import { EngineError } from '../index.ts';
import type { Batch, CommitResult } from '../index.ts';
import type { Transactions } from './fence.ts';
import { CommitLane } from './lane.ts';

const NEVER = new AbortController().signal;
const COMMITTED: CommitResult = { kind: 'committed' };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class TestTime implements Clock, Scheduler {
  ms = 0;
  nowMs(): number {
    return this.ms;
  }
  soon(run: () => void): void {
    setImmediate(run);
  }
  after(delayMs: number, run: () => void): Cancel {
    const timer = setImmediate(() => {
      this.ms += delayMs;
      run();
    });
    return () => clearImmediate(timer);
  }
}

interface Version {
  readonly at: bigint;
  readonly value: Bytes | undefined;
}

/** Percolator in one phase, as a store does it: a commit is right above its start and above all that was read. */
class TestStore {
  readonly calls: string[] = [];
  readonly versions = new Map<string, Version[]>();
  now = 10n;
  readAt = 0n;
  /** What the next commits are answered with in place of their outcome. */
  answers: (TxnOutcome | Error)[] = [];
  /** Runs before the next commit is judged. */
  meanwhile: (() => void)[] = [];
  commitAhead = 0n;

  readonly client = {
    timestamp: () => {
      this.calls.push('timestamp');
      return Promise.resolve((this.now += 10n));
    },
    snapshot: (timestamp: bigint) => {
      return Promise.resolve({
        batchGet: (keys: Bytes[]) => {
          this.calls.push('get');
          if (timestamp > this.readAt) this.readAt = timestamp;
          return Promise.resolve(keys.map((key) => this.read(String(key), timestamp)));
        },
      });
    },
    commit: async (mutations: Mutation[], options: CommitOptions): Promise<TxnOutcome> => {
      this.calls.push('commit');
      await turn();
      this.meanwhile.shift()?.();
      const answer = this.answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? this.commit(mutations, options);
    },
  } as unknown as Transactions;

  read(key: string, at: bigint): Bytes | undefined {
    return this.versions.get(key)?.findLast((version) => version.at <= at)?.value;
  }

  commit(mutations: readonly Mutation[], { startTimestamp, primary }: CommitOptions): TxnOutcome {
    for (const { key } of mutations)
      if ((this.versions.get(String(key))?.at(-1)?.at ?? 0n) > startTimestamp)
        return { kind: 'conflict', key: Buffer.from(key), conflictTimestamp: 0n };
    expect(primary === undefined || mutations.some(({ key }) => Buffer.compare(key, primary) === 0)).toBe(
      true,
    );
    const at = (this.readAt > startTimestamp ? this.readAt : startTimestamp) + 1n + this.commitAhead;
    if (at > this.now) this.now = at;
    for (const mutation of mutations)
      this.put(String(mutation.key), 'value' in mutation ? mutation.value : undefined, at);
    return { kind: 'committed', commitTimestamp: at, onePhase: true };
  }

  /** Another's write. */
  put(key: string, value: Bytes | undefined, at = (this.now += 10n)): void {
    this.versions.set(key, [...(this.versions.get(key) ?? []), { at, value }]);
  }
}

function batch(from: string | undefined, to: string, more: Record<string, string> = {}): Batch {
  const key = Buffer.from('head');
  const slots = Object.entries(more).map(([slot, value]) => ({
    key: Buffer.from(slot),
    value: Buffer.from(value),
  }));
  return {
    conditions: [from === undefined ? { key, is: 'absent' } : { key, is: 'equal', value: Buffer.from(from) }],
    writes: [...slots, { key, value: Buffer.from(to) }],
  };
}

let store: TestStore;
let time: TestTime;
let lane: CommitLane;

function open(): CommitLane {
  return new CommitLane({
    ...{ client: store.client, clock: time, scheduler: time },
    ...{ random: new SeededRandom(1), logger: silentLogger },
    limits: { commitMsMax: 5000, aheadMsMax: 1000, retryMs: 2 },
  });
}

beforeEach(() => {
  [store, time] = [new TestStore(), new TestTime()];
  lane = open();
});

describe('a lane of commits', () => {
  test('shows one round trip in the steady state: timestamp and head have been fetched ahead', async () => {
    expect(await lane.commit(batch(undefined, '0'), NEVER)).toEqual(COMMITTED);
    for (let at = 0; at < 5; at++) {
      await lane.idle();
      store.calls.length = 0;
      expect(await lane.commit(batch(`${at}`, `${at + 1}`), NEVER)).toEqual(COMMITTED);
      // The timestamp is asked for beside the commit, and is for the next one, as the read is.
      await lane.idle();
      expect(store.calls).toEqual(['timestamp', 'commit', 'get']);
    }
  });

  test('a timestamp below the commit it was asked for beside is not used', async () => {
    store.commitAhead = 100n;
    await lane.commit(batch(undefined, '0'), NEVER);
    await lane.idle();
    expect(store.calls).toEqual(['timestamp', 'get', 'timestamp', 'commit', 'timestamp', 'get']);
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual(COMMITTED);
    expect(store.calls.filter((call) => call === 'commit')).toHaveLength(2);
  });

  test('promise 3: what was fetched ahead and does not hold is fetched again before it is a conflict', async () => {
    await lane.commit(batch(undefined, '0'), NEVER);
    await lane.idle();
    store.put('head', Buffer.from('other'));
    // Fetched ahead: 0. The transaction conflicts, and then the condition does not hold.
    const conflict = { kind: 'conflict', key: Buffer.from('head') };
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual(conflict);
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual(conflict);
    // Nothing is fetched ahead after a conflict.
    store.put('head', Buffer.from('0'));
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual(COMMITTED);
    await lane.idle();
    store.put('head', Buffer.from('2'));
    expect(await lane.commit(batch('2', '3'), NEVER)).toEqual(COMMITTED);
  });

  test('a transaction that conflicts for another reason is tried again while its condition holds', async () => {
    await lane.commit(batch(undefined, '0'), NEVER);
    await lane.idle();
    store.calls.length = 0;
    store.meanwhile.push(() => store.put('slot', Buffer.from('theirs')));
    store.answers.push({ kind: 'rolled-back' });
    expect(await lane.commit(batch('0', '1', { slot: 'ours' }), NEVER)).toEqual(COMMITTED);
    expect(store.calls.filter((call) => call === 'commit')).toHaveLength(2);
    expect(String(store.read('slot', store.now))).toBe('ours');
  });

  test('is refused, with nothing written, when others keep getting in between', async () => {
    for (let at = 0; at < 10_000; at++) store.meanwhile.push(() => store.put('slot', Buffer.from('theirs')));
    const refused = lane.commit(batch(undefined, '0', { slot: 'ours' }), NEVER);
    await expect(refused).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(time.ms).toBeGreaterThan(4000);
    expect(store.versions.has('head')).toBe(false);
  });

  test('what is fetched ahead is not used when it is old', async () => {
    await lane.commit(batch(undefined, '0'), NEVER);
    await lane.idle();
    time.ms += 1001;
    store.calls.length = 0;
    await lane.commit(batch('0', '1'), NEVER);
    expect(store.calls.slice(0, 2)).toEqual(['timestamp', 'get']);
  });

  test('an outcome that nobody could settle is uncertain, and the same batch is judged anew afterwards', async () => {
    await lane.commit(batch(undefined, '0'), NEVER);
    const cause = new Error('no answer');
    store.answers.push({ kind: 'undetermined', primary: Buffer.from('head'), cause });
    // It lands all the same.
    store.meanwhile.push(() => store.put('head', Buffer.from('1')));
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual({ kind: 'uncertain', cause });
    expect((await lane.commit(batch('0', '1'), NEVER)).kind).toBe('conflict');
  });

  test('an aborted signal ends a commit that waits for another, and not the other', async () => {
    const abort = new AbortController();
    const first = lane.commit(batch(undefined, '0'), abort.signal);
    const second = lane.commit(batch('0', '1'), abort.signal);
    await turn();
    abort.abort(new Error('stop'));
    expect(await first).toEqual(COMMITTED);
    await expect(second).rejects.toBeInstanceOf(EngineError);
    await expect(second).rejects.toMatchObject({ code: 'aborted' });
    expect(await lane.commit(batch('0', '1'), NEVER)).toEqual(COMMITTED);
  });

  test('promise 3: of many lanes that count in turns, no count is lost', async () => {
    const lanes = Array.from({ length: 6 }, open);
    await lane.commit(batch(undefined, '0'), NEVER);
    let committed = 0;
    await Promise.all(
      lanes.map(async (each, at) => {
        const random = new SeededRandom(at);
        for (let tries = 0; tries < 60; tries++) {
          const head = Number(String(store.read('head', store.now)));
          for (let turns = random.int(0, 4); turns > 0; turns--) await turn();
          const result = await each.commit(batch(`${head}`, `${head + 1}`), NEVER);
          if (result.kind === 'committed') committed++;
          else expect(result.kind).toBe('conflict');
        }
      }),
    );
    expect(String(store.read('head', store.now))).toBe(`${committed}`);
    expect(committed).toBeGreaterThan(20);
  });
});
