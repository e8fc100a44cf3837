/** Group commit, settling and answers, one behaviour at a time. Time and engine are the tests' own. */
import { beforeEach, describe, expect, it } from 'vitest';

import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import type { Batch, CommitResult, Engine } from '../../src/engine/index.ts';
import { EMPTY_HEAD, LogKeys, LogMap, LogWriter, replay } from '../../src/log/index.ts';
import type { Commit, LogTarget, Outcome } from '../../src/log/index.ts';
import { TestArena, VirtualTime } from './log-world.ts';

/** Commits are held until the test lets them go. */
class HeldEngine implements Engine {
  memory = new MemoryEngine();
  capabilities = this.memory.capabilities;
  readonly batches: Batch[] = [];
  isHeld = false;
  answer: ((batch: Batch) => Promise<CommitResult>) | undefined;
  #go: (() => void)[] = [];

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.batches.push(batch);
    if (this.isHeld) await new Promise<void>((resolve) => this.#go.push(resolve));
    return this.answer === undefined ? this.memory.commit(batch, signal) : this.answer(batch);
  }
  letGo(): void {
    this.isHeld = false;
    for (const go of this.#go.splice(0)) go();
  }
  snapshot: Engine['snapshot'] = () => this.memory.snapshot();
  sizeBytes: Engine['sizeBytes'] = () => this.memory.sizeBytes();
  compact: Engine['compact'] = () => this.memory.compact();
  close: Engine['close'] = () => this.memory.close();
}

const keys = new LogKeys('test');
const turn = () => new Promise((resolve) => setImmediate(resolve));
const uncertain: CommitResult = { kind: 'uncertain', cause: new Error('The answer was lost') };

describe('LogWriter', () => {
  let engine: HeldEngine;
  let time: VirtualTime;
  let told: string[];
  let events: string[];
  let commits: Commit[];
  let holds: boolean;
  let writer: LogWriter;

  function create(epoch = 1, arenaBytes = 1 << 20): LogWriter {
    return new LogWriter({
      engine,
      keys,
      arena: new TestArena(arenaBytes),
      map: new LogMap(),
      epoch,
      head: EMPTY_HEAD,
      headBytes: undefined,
      clock: time,
      scheduler: time,
      random: new SeededRandom(1),
      lease: { holds: () => holds },
      listener: {
        committed: (commit) => {
          commits.push(commit);
          events.push(`committed ${commit.revision}`);
        },
        deposed: () => void events.push('deposed'),
      },
      logger: silentLogger,
    });
  }

  function put(name: string, bytes = 10): void {
    const revision = writer.proposedRevision + 1;
    writer.put(revision, 0, Buffer.from('key'), revision, 1, Buffer.alloc(bytes, name), 0n);
    writer.seal(waiter(name));
  }

  const waiter = (name: string) => ({
    settled: (outcome: Outcome) => {
      told.push(`${name} ${outcome}`);
      events.push(name);
    },
  });

  beforeEach(async () => {
    [engine, time, told, events, commits, holds] = [new HeldEngine(), new VirtualTime(), [], [], [], true];
    writer = create();
    expect(await writer.start()).toBe('leading');
    engine.batches.length = 0;
    events.length = commits.length = 0;
  });

  it('the first log begins with a cluster id and an epoch, in one commit', async () => {
    const records: string[] = [];
    const target: LogTarget = {
      cleanedAt: () => undefined,
      version: () => undefined,
      record: (record) => void records.push(record.kind),
      applied: (sequence, revision) => void records.push(`${sequence} ${revision}`),
    };
    const signal = new AbortController().signal;
    const { head } = await replay({
      engine,
      keys,
      arena: new TestArena(99),
      map: new LogMap(),
      target,
      signal,
    });
    expect(records).toEqual(['cluster', 'epoch', '1 1']);
    expect(head).toEqual({ epoch: 1, commit: 1, sequence: 1, revision: 1, compacted: 0 });
  });

  it('alone, a proposal is committed at the end of its turn, and all of one turn share a group', async () => {
    put('a');
    put('b');
    expect(engine.batches.length).toBe(0);
    await Promise.resolve();
    expect(engine.batches.length).toBe(1);
    await turn();
    expect(told).toEqual(['a committed', 'b committed']);
    expect(engine.batches[0]!.writes.length).toBe(2);
  });

  it('what comes while a commit is under way is one group; the listener is told before the waiters', async () => {
    engine.isHeld = true;
    put('a');
    await turn();
    put('b');
    await turn();
    put('c');
    expect(writer.proposedBytes).toBeGreaterThan(60);
    expect(told).toEqual([]);
    engine.letGo();
    await turn();
    expect(engine.batches.length).toBe(2);
    expect(events).toEqual(['committed 2', 'a', 'committed 4', 'b', 'c']);
    expect(writer.proposedBytes).toBe(0);
  });

  it('the next commit is sent before the waiters of the last are told', async () => {
    engine.isHeld = true;
    let sent = 0;
    writer.put(2, 0, Buffer.from('key'), 2, 1, Buffer.alloc(10), 0n);
    writer.seal({ settled: () => (sent = engine.batches.length) });
    await turn();
    put('b');
    engine.letGo();
    await turn();
    expect(sent).toBe(2);
    expect(told).toEqual(['b committed']);
  });

  it('promise 7: a group is closed when it has reached its bound, and a proposal beyond a commit does not fit', async () => {
    engine.isHeld = true;
    put('a');
    await turn();
    for (let i = 0; i < 5; i++) put(`b${i}`, 1024 * 1024);
    engine.letGo();
    await turn();
    expect(engine.batches.length).toBe(3);
    expect(engine.batches[1]!.writes.length).toBeLessThan(6);
    expect(writer.fits(100 * 1024 * 1024)).toBe(true);
    expect(writer.fits(engine.capabilities.commitBytesMax)).toBe(false);
    expect(writer.fits(1000, 2_000_000)).toBe(false);
  });

  it('one revision that spans chunks is one commit, its chunks flagged but the last', async () => {
    writer = create(2, 300);
    engine.memory = new MemoryEngine();
    expect(await writer.start()).toBe('leading');
    engine.batches.length = 0;
    for (let sub = 0; sub < 20; sub++)
      writer.put(2, sub, Buffer.from(`key${sub}`), 2, 1, Buffer.alloc(50), 0n);
    writer.seal(waiter('a'));
    await turn();
    expect(engine.batches.length).toBe(1);
    const flags = engine.batches[0]!.writes.slice(0, -1).map(({ value }) => value![10]);
    expect(flags.length).toBeGreaterThan(5);
    expect(flags.slice(0, -1).every((flag) => flag === 1)).toBe(true);
    expect(flags.at(-1)).toBe(0);
  });

  it('a proposal that is appended over several turns does not hold up what was separated before it', async () => {
    put('a');
    writer.separate();
    writer.remove(3, 0, Buffer.from('key'));
    await turn();
    expect(told).toEqual(['a committed']);
    writer.remove(3, 1, Buffer.from('other'));
    await turn();
    expect(engine.batches.length).toBe(1);
    writer.seal(waiter('b'));
    await turn();
    expect(told).toEqual(['a committed', 'b committed']);
  });

  it('promise 4: an answer that wrote nothing waits for what it saw, and for the lease; a write does not', async () => {
    engine.isHeld = true;
    put('a');
    writer.barrier(waiter('b'));
    await turn();
    expect(told).toEqual([]);
    holds = false;
    engine.letGo();
    await turn();
    expect(told).toEqual(['a committed']);
    put('c');
    await turn();
    expect(told).toEqual(['a committed']);
    holds = true;
    writer.release();
    expect(told).toEqual(['a committed', 'b committed', 'c committed']);
    writer.barrier(waiter('d'));
    expect(told.length).toBe(3);
    await turn();
    expect(told.at(-1)).toBe('d committed');
  });

  it('promise 1: an uncertain commit is sent again, the same bytes, until it is known', async () => {
    let calls = 0;
    engine.answer = async (batch) => {
      calls++;
      if (calls === 2) await engine.memory.commit(batch, new AbortController().signal);
      return calls < 4 ? uncertain : engine.memory.commit(batch, new AbortController().signal);
    };
    put('a');
    await turn();
    expect(writer.doubt?.cause.message).toBe('The answer was lost');
    await time.until(() => told.length > 0);
    expect(told).toEqual(['a committed']);
    expect(calls).toBe(4);
    expect(
      new Set(engine.batches.map(({ writes }) => Buffer.from(writes[0]!.value!).toString('hex'))).size,
    ).toBe(1);
    expect(writer.doubt).toBeUndefined();
    expect(writer.leading).toBe(true);
  });

  it('after the time of a request the waiter is told so, and the group is settled all the same', async () => {
    engine.answer = () => Promise.resolve(uncertain);
    put('a');
    await time.until(() => told.length > 0);
    expect(told).toEqual(['a timed-out']);
    expect(time.nowMs()).toBeGreaterThanOrEqual(7000);
    expect(time.nowMs()).toBeLessThan(8500);
    put('b');
    engine.answer = undefined;
    await time.until(() => told.length > 1);
    expect(told).toEqual(['a timed-out', 'b committed']);
    expect(commits.map(({ revision }) => revision)).toEqual([2, 3]);
  });

  it('promise 3 and 6: the deposed one takes its proposals back, and fails what had no effect', async () => {
    const old = writer;
    await turn();
    const signal = new AbortController().signal;
    const target: LogTarget = {
      cleanedAt: () => undefined,
      version: () => undefined,
      record: () => undefined,
      applied: () => undefined,
    };
    const map = new LogMap();
    const replayed = await replay({ engine, keys, arena: new TestArena(99), map, target, signal });
    const options = {
      engine,
      keys,
      arena: new TestArena(999),
      map,
      clock: time,
      scheduler: time,
      ...replayed,
    };
    const other = new LogWriter({
      ...options,
      epoch: 2,
      random: new SeededRandom(1),
      lease: { holds: () => true },
      listener: { committed: () => undefined, deposed: () => undefined },
      logger: silentLogger,
    });
    expect(await other.start()).toBe('leading');
    put('a');
    old.barrier(waiter('b'));
    await turn();
    expect(events).toEqual(['deposed', 'a', 'b']);
    expect(told).toEqual(['a leader-changed', 'b leader-changed']);
    expect(old.leading).toBe(false);
    expect(old.proposedBytes).toBe(0);
  });

  it('stop commits what is proposed and refuses what comes later', async () => {
    put('a');
    await writer.stop();
    expect(told).toEqual(['a committed']);
    expect(events).not.toContain('deposed');
    expect(() => put('b')).toThrow('only a leader appends');
  });

  it('stop gives up what stays uncertain', async () => {
    engine.answer = () => Promise.resolve(uncertain);
    put('a');
    await turn();
    put('b');
    let isStopped = false;
    void writer.stop().then(() => (isStopped = true));
    await time.until(() => isStopped);
    expect(told).toEqual(['a timed-out', 'b leader-changed']);
  });

  it('a cleaning lets client groups go first, but not for ever', async () => {
    engine.isHeld = true;
    put('a');
    await turn();
    const done = writer.commitCleaning([{ key: keys.slot(999), value: undefined }]);
    let groups = 0;
    const isCleaning = ({ writes }: Batch) =>
      writes.some(({ key }) => Buffer.compare(key, keys.slot(999)) === 0);
    while (!engine.batches.some(isCleaning) && groups < 50) {
      put(`b${groups++}`);
      engine.letGo();
      engine.isHeld = true;
      await turn();
    }
    expect(groups).toBeGreaterThan(3);
    expect(groups).toBeLessThan(20);
    engine.letGo();
    expect(await done).toBe(true);
  });

  it('records are pending until they are committed, and the listener gets them with their sequence', async () => {
    writer.record({ kind: 'grant', id: 5n, ttl: 9 });
    writer.seal(waiter('a'));
    expect(writer.hasPending('grant')).toBe(true);
    expect([...writer.pendingRecords()]).toEqual([{ kind: 'grant', id: 5n, ttl: 9 }]);
    await turn();
    expect(writer.hasPending('grant')).toBe(false);
    expect(commits[0]!.records).toEqual([{ record: { kind: 'grant', id: 5n, ttl: 9 }, sequence: 2 }]);
    expect(commits[0]!.chunks[0]!.sequence).toBe(2);
  });
});
